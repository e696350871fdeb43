package pacman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sources"
)

// Directories of pacman, relative to the root directory without their first slash, and absolute.
const (
	systemHookDir = "usr/share/libalpm/hooks/"
	defaultGPGDir = "/etc/pacman.d/gnupg/"
	defaultHooks  = "/etc/pacman.d/hooks/"
)

// printVerbose prints the paths that pacman -v prints before its answer.
func (r *Runner) printVerbose() {
	l, conf, root := r.Line, r.Setup.Config, r.Setup.Root()
	dbPath := r.dbPath()
	if real, err := pacmandb.RealPath(dbPath); err == nil {
		dbPath = real
	}
	dbPath = withSlash(dbPath)
	hookDirs := slices.Concat(l.Values("hookdir"), conf.HookDir)
	if len(hookDirs) == 0 {
		hookDirs = []string{defaultHooks}
	}
	cacheDirs := l.Values("cachedir")
	if len(cacheDirs) == 0 || conf.HasCacheDir {
		cacheDirs = slices.Concat(cacheDirs, conf.CacheDir)
	}
	targets := "None"
	if len(l.Targets) > 0 {
		targets = strings.Join(l.Targets, "  ")
	}
	for _, line := range []string{
		"Root      : " + root,
		"Conf File : " + cmp.Or(l.Value("config"), l.Value("pacman-config"), sources.DefaultPacmanConfig),
		"DB Path   : " + dbPath,
		"Cache Dirs: " + joinDirs(cacheDirs),
		"Hook Dirs : " + joinDirs(append([]string{root + systemHookDir}, hookDirs...)),
		"Lock File : " + dbPath + "db.lck",
		"Log File  : " + cmp.Or(l.Value("logfile"), conf.LogFile, sources.DefaultPacmanLog),
		"GPG Dir   : " + withSlash(cmp.Or(l.Value("gpgdir"), conf.GPGDir, defaultGPGDir)),
		"Targets   : " + targets,
	} {
		r.Style.PrintText(r.Out, line)
	}
}

// joinDirs joins paths of directories, each followed by two spaces.
func joinDirs(dirs []string) string {
	var b strings.Builder
	for _, dir := range dirs {
		b.WriteString(withSlash(dir) + "  ")
	}
	return b.String()
}

// withSlash returns a path with a slash at its end.
func withSlash(path string) string {
	if strings.HasSuffix(path, "/") {
		return path
	}
	return path + "/"
}
