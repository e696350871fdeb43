package pacmandb

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
)

// configs maps names of test cases to configurations. The character @ is replaced by the directory of the included
// files.
var configs = map[string]string{
	"nothing":      "",
	"only options": "[options]\n",
	"no new line":  "[options]\nRootDir = /r\n[core]\nServer = x",
	"comments": `
  # one
[options]   
 #two
RootDir = /r # not one
IgnorePkg = a#b #c
[core]
#Server = no
Server = http://x/#y`,
	"spaces":           "\t[options]\t\n\tRootDir\t=\t/r\t\n  IgnorePkg=a   b\tc  \n[ core ]\nServer   =   a b  \n\v\f\r\n",
	"carriage returns": "[options]\r\nRootDir = /r\r\n[core]\r\nServer = a\r\nUsage = Sync\r\n",
	"first of each": `
[options]
RootDir = /r1
RootDir = /r2
DBPath = /d1
DBPath = /d2
LogFile = /l1
LogFile = /l2`,
	"lists": `
[options]
CacheDir = /c1 /c2
CacheDir = /c3
IgnorePkg = a b
IgnorePkg = c
IgnorePkg = a
IgnoreGroup = g
IgnoreGroup = h* "i j"
Architecture = x86_64 x86_64_v3
Architecture = any`,
	"empty values":       "[options]\nCacheDir =\nIgnorePkg =\nArchitecture =\n[core]\nServer =\nUsage =\nSigLevel =\n",
	"no values":          "[options]\nRootDir\nDBPath\nIgnorePkg\nArchitecture\nColor\nCheckSpace\n",
	"a root":             "[options]\nRootDir = /r\n",
	"a root with slash":  "[options]\nRootDir = /r/\n",
	"a root and a log":   "[options]\nRootDir = /r\nLogFile = /l\n",
	"relative":           "[options]\nRootDir = r\nDBPath = d\n",
	"this architecture":  "[options]\nArchitecture = auto armv7h auto\n[core]\nServer = http://x/$repo/os/$arch\n",
	"variables":          "[options]\nArchitecture = x86_64 any\n[core]\nServer = $repo/$arch/$repo$arch${repo}$repository\nServer = plain\n",
	"unknown":            "[options]\nFoo = bar\nBar\nrootdir = /x\n= y\n[core]\nColor\nHello = 1\nserver = x\nRootDir = /y\nServer == z\nServer = a=b\n",
	"options again":      "[options]\nIgnorePkg = a\n[core]\nServer = x\n[options]\nIgnorePkg = b\nRootDir = /r\n",
	"options in capital": "[Options]\nRootDir = /r\n",
	"sections again":     "[core]\nServer = a\n[extra]\nServer = b\nUsage = Search\n[core]\nServer = c/$repo\nUsage = Sync\n[extra]\nUsage = Install\n",
	"brackets":           "[co]re]\nServer = a\n[co re\n[x] y\nServer = b\n[[y]\nServer = c\n",
	"usages": `
[a]
Usage = Sync
[b]
Usage = Sync Search  Install
[c]
Usage = Upgrade
Usage = Search
[d]
Usage = All
[e]
Usage = Sync All
[f]
Usage =
[g]`,
	"signatures":       "[options]\nSigLevel = Required\n[core]\nSigLevel = Never\nSigLevel = PackageOptional DatabaseNever TrustAll\nServer = x\n",
	"a zero byte":      "[core]\nServer = a\x00b\nUsage = Sync\n\x00[x]\n",
	"not UTF-8":        "[core\xff]\nServer = \xff\xfe\n",
	"one file":         "[core]\nInclude = @/mirrors\nServer = last\n",
	"many files":       "[core]\nInclude = @/*.conf\nServer = last/$repo\n",
	"file with none":   "[core]\nServer = a\nInclude = @/empty\nServer = b\n",
	"before all":       "Include = @/a.conf\nServer = on\n",
	"in options":       "[options]\nInclude = @/options\nRootDir = /second\nInclude = @/b.conf\nIgnorePkg = lost\n",
	"set":              "Include = @/[ab].conf\n",
	"classes":          "Include = @/[[:lower:]].conf\nInclude = @/[[:upper:][:digit:]]*.cfg\nInclude = @/[[=a=]].con[[.f.]]\n",
	"no file":          "Include = /dev/null\n[core]\nInclude = /dev/null\nServer = on\n",
	"a long line":      "[options]\nIgnorePkg = " + strings.Repeat("q", 5000) + " b\nIgnoreGroup = " + strings.Repeat("g ", 2042) + " h\nRootDir = /r\n",
	"set without":      "Include = @/[!a].conf\nInclude = @/[^b].conf\n",
	"question":         "Include = @/?.conf\n",
	"hidden":           "Include = @/.*.conf\nInclude = @/\\.h*.conf\n",
	"slash at the end": "Include = @/a.conf/\n",
	"directories":      "Include = @/s*/x.c*\nInclude = @/s1/../*/x.conf\nInclude = @//a.con[f]\n",
	"escaped":          "Include = @/\\a.conf\nInclude = @/odd\\[1].conf\n",
	"order":            "Include = @/*.cfg\n",
	"a directory":      "[core]\nInclude = @/s1\nServer = on\n",
	"nested":           "[options]\nInclude = @/level1\nServer = after\n",
	// Configurations that pacman refuses.
	"before a section":  "Server = x\n",
	"a byte order mark": "\xef\xbb\xbf[options]\n",
	"no server":         "[core]\nServer\n",
	"no usage":          "[core]\nUsage\n",
	"no signatures":     "[core]\nSigLevel\n",
	"no include":        "[core]\nInclude\n",
	"include nothing":   "[core]\nInclude =\n",
	"missing":           "[core]\nInclude = @/none\n",
	"missing of many":   "[core]\nInclude = @/none*\n",
	"braces":            "[core]\nInclude = @/{a,b}.conf\n",
	"a bad set":         "[core]\nInclude = @/[\n",
	"a bad usage":       "[core]\nUsage = Sync Foo\n",
	"a tab in usage":    "[core]\nUsage = Sync\tSearch\n",
	"a small usage":     "[core]\nUsage = sync\n",
	"itself":            "Include = @/itself\n",
}

// included writes the files that the configurations include, and returns the directory of these files.
func included(t testing.TB) string {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mirrors": "# servers\nServer = http://1/$repo\nServer = http://2\n",
		"empty":   "", "options": "RootDir = /first\nIgnorePkg = x\n",
		"a.conf": "[froma]\nServer = a\n", "b.conf": "Server = before/$repo\n[fromb]\nServer = b\n", ".hidden.conf": "[hidden]\n",
		"s1/x.conf": "[s1]\n", "s2/x.conf": "[s2]\n", "s-1/x.conf": "[s-1]\n", "S/x.conf": "[S]\n", ".s/x.conf": "[dot]\n",
		"a.cfg": "[ca]\n", "B.cfg": "[cB]\n", "_.cfg": "[c_]\n", "a-b.cfg": "[cab]\n", "é.cfg": "[cé]\n", "10.cfg": "[c10]\n", "9.cfg": "[c9]\n",
		"odd[1].conf": "[odd]\n", "level1": "IgnorePkg = one\nInclude = @/level2\nServer = one\n", "level2": "[two]\nInclude = @/level3\n",
		"level3": "Server = three\n", "itself": "Include = @/itself\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "@", dir)), 0o644))
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "odd[1].conf")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "odd[1].conf"), []byte("[odd]\n"), 0o644))
	return dir
}

// TestReadConfig_PacmanConf compares ReadConfig with the program pacman-conf.
func TestReadConfig_PacmanConf(t *testing.T) {
	program := need.Program(t, "pacman-conf")
	dir := included(t)
	for name, text := range configs {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pacman.conf")
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "@", dir)), 0o644))
			cmd := exec.Command(program, "--config", path)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			want, refusal := cmd.Output()
			got, err := ReadConfig(path)
			if refusal != nil {
				require.Error(t, err, "pacman-conf says %s", refusal)
				var where *ConfigError
				require.ErrorAs(t, err, &where)
				require.NotErrorIs(t, err, fs.ErrNotExist, "the file at path exists")
				return
			}
			require.NoError(t, err)
			require.Equal(t, knownLines(string(want)), shownConfig(got))
			require.Equal(t, path, got.ConfigFiles[0])
		})
	}
}

// knownLines returns those lines of pacman-conf's output whose settings are in Config. If a repository has two sections,
// only the first section is returned. In paths, a double slash becomes one slash.
func knownLines(text string) string {
	type section struct{ head, usage, rest string }
	var sections []*section
	var at *section
	for line := range strings.Lines(text) {
		key, _, _ := strings.Cut(line, " =")
		switch {
		case strings.HasPrefix(line, "["):
			again := slices.ContainsFunc(sections, func(s *section) bool { return s.head == line })
			if at = (&section{head: line}); !again {
				sections = append(sections, at)
			}
		case line == "Usage = All\n":
			if at.usage == "" {
				at.usage = line
			}
		case key == "Usage":
			at.usage = strings.TrimPrefix(at.usage, "Usage = All\n") + line
		case slices.Contains([]string{"RootDir", "DBPath", "LogFile"}, key):
			at.rest += strings.ReplaceAll(line, "//", "/")
		case slices.Contains([]string{"Architecture", "IgnorePkg", "IgnoreGroup", "CacheDir", "Server"}, key):
			at.rest += line
		}
	}
	var out strings.Builder
	for _, s := range sections {
		out.WriteString(s.head + s.usage + s.rest)
	}
	return out.String()
}

// shownConfig formats a configuration like the output of pacman-conf.
func shownConfig(c *Config) string {
	var out strings.Builder
	line := func(key string, values ...string) {
		for _, value := range values {
			fmt.Fprintf(&out, "%s = %s\n", key, value)
		}
	}
	out.WriteString("[options]\n")
	line("RootDir", c.RootDir)
	line("DBPath", c.DBPath)
	line("CacheDir", c.CacheDir...)
	line("LogFile", c.LogFile)
	line("IgnorePkg", c.IgnorePkg...)
	line("IgnoreGroup", c.IgnoreGroup...)
	line("Architecture", c.Architectures...)
	for _, r := range c.Repos {
		fmt.Fprintf(&out, "[%s]\n", r.Name)
		if r.Usage == UsageAll {
			line("Usage", "All")
		} else {
			for _, name := range []string{"Sync", "Search", "Install", "Upgrade"} {
				if r.Usage&usages[name] != 0 {
					line("Usage", name)
				}
			}
		}
		line("Server", r.Servers...)
	}
	return out.String()
}

func TestReadConfig_Errors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	before := maxConfigWait
	maxConfigWait = time.Millisecond
	t.Cleanup(func() { maxConfigWait = before })
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o644))
	for i := range maxConfigFiles + 1 {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "wide", fmt.Sprint(i)), 0o755))
	}
	usage := write("usage", "[core]\n\nUsage = Often\n")
	for name, one := range map[string]struct{ text, want string }{
		"usage":        {"[core]\nUsage = Sync Often\n", `main:2: Usage "Often" is not known`},
		"included":     {"\nInclude = " + usage + "\n", usage + `:3: Usage "Often" is not known`},
		"local":        {"[local]\nServer = x\n", `main:1: a repository cannot be named "local"`},
		"slash":        {"[core]\n[a/b]\n", `main:2: a repository cannot be named "a/b"`},
		"no name":      {"[]\n", `main:1: a repository cannot be named ""`},
		"no section":   {"# x\nServer = y\n", `main:2: "Server" is before the first section`},
		"missing":      {"[core]\nInclude = " + dir + "/none\n", `main:2: Include: open ` + dir + `/none: no such file or directory`},
		"fifo":         {"Include = " + fifo + "\n", fifo + `: cannot be read: i/o timeout`},
		"device":       {"Include = /dev/zero\n", `/dev/zero: is larger than 1024 KiB`},
		"large":        {"Include = " + write("large", strings.Repeat("#\n", maxConfigBytes)) + "\n", `large: is larger than 1024 KiB`},
		"levels":       {"Include = " + write("self", "Include = "+dir+"/self\n") + "\n", `self:1: files include each other more than 16 levels deep`},
		"files":        {"Include = " + write("many", strings.Repeat("Include = "+write("nothing", "")+"\n", maxConfigFiles)) + "\n", `the configuration has more than 1024 files`},
		"matches":      {"Include = " + dir + "/wide/*/*\n", `main:1: Include matches more than 1024 files`},
		"long":         {"[" + strings.Repeat("x/", 500) + "]\n", `cannot be named "` + strings.Repeat("x/", 50) + `"`},
		"not to print": {"\x1b[1m = x\n", `main:1: "\x1b[1m" is before the first section`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadConfig(write("main", one.text))
			var where *ConfigError
			require.ErrorAs(t, err, &where)
			require.ErrorContains(t, err, one.want)
			require.NotErrorIs(t, err, fs.ErrNotExist)
		})
	}
	_, err := ReadConfig(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ReadConfig(dir)
	require.EqualError(t, err, dir+": is a directory")
	_, err = ReadConfig(fifo)
	require.EqualError(t, err, fifo+": cannot be read: i/o timeout")
}

// TestReadConfig_Pipe reads a configuration that arrives in two pieces through a pipe, as with bash's <(...).
func TestReadConfig_Pipe(t *testing.T) {
	before := maxConfigWait
	maxConfigWait = await.Timeout
	t.Cleanup(func() { maxConfigWait = before })
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("[core]\nUsage = ")
	require.NoError(t, err)
	var text errgroup.Group
	text.Go(func() error {
		defer w.Close()
		_, err := w.WriteString("Search\n[extra]\n")
		return err
	})
	c, err := ReadConfig(fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
	require.NoError(t, err)
	require.NoError(t, text.Wait())
	require.Len(t, c.Repos, 2)
	require.Equal(t, UsageSearch, c.Repos[0].Usage)
	c, err = ReadConfig("/dev/null")
	require.NoError(t, err)
	require.Empty(t, c.Repos)
}

func TestReadConfig_IncludeLevels(t *testing.T) {
	dir := t.TempDir()
	path := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range maxConfigLevels {
		require.NoError(t, os.WriteFile(path(i), fmt.Appendf(nil, "[level%d]\nInclude = %s\n", i, path(i+1)), 0o644))
	}
	require.NoError(t, os.WriteFile(path(maxConfigLevels), []byte("[last]\n"), 0o644))
	c, err := ReadConfig(path(0))
	require.NoError(t, err)
	require.Len(t, c.Repos, maxConfigLevels+1)
	require.Len(t, c.ConfigFiles, maxConfigLevels+1)
	require.Equal(t, "last", c.Repos[maxConfigLevels].Name)
}

func TestReadConfig_Signatures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pacman.conf")
	require.NoError(t, os.WriteFile(path, []byte("[options]\nSigLevel = Never\n[core]\nSigLevel = PackageOptional TrustAll\nSigLevel=Required\n[x]\n"), 0o644))
	c, err := ReadConfig(path)
	require.NoError(t, err)
	require.Equal(t, []string{"PackageOptional", "TrustAll", "Required"}, c.Repos[0].SigLevel)
	require.Empty(t, c.Repos[1].SigLevel)
}

// TestSignature checks the rules of pacman.conf(5) for SigLevel of databases.
func TestSignature(t *testing.T) {
	for _, c := range []struct {
		options, repo string
		want          SignaturePolicy
	}{
		{"", "", SignatureOptional},
		{"Required DatabaseOptional", "", SignatureOptional}, // Arch's default
		{"Required", "", SignatureRequired},
		{"Never", "", SignatureNever},
		{"Required", "Never", SignatureNever},
		{"Never", "DatabaseRequired", SignatureRequired},
		{"Required", "PackageNever TrustAll", SignatureRequired},
		{"Required", "Never Optional DatabaseTrustAll", SignatureOptional},
		{"DatabaseNever PackageRequired", "", SignatureNever},
		{"required", "Databases", SignatureOptional},
	} {
		path := filepath.Join(t.TempDir(), "pacman.conf")
		text := "[core]\nSigLevel = " + c.repo + "\n[options]\nSigLevel = " + c.options + "\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		got, err := ReadConfig(path)
		require.NoError(t, err)
		require.Equal(t, c.want, got.Repos[0].SignaturePolicy, text)
	}
}

// TestReadConfig_RefusedNames checks that ReadConfig refuses the names of repositories that pacman refuses, even if
// pacman-conf accepts them.
func TestReadConfig_RefusedNames(t *testing.T) {
	db := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(db, "local"), 0o755))
	for name, refused := range map[string]bool{
		"local": true, "a/b": true, "/": true, "": true,
		"..": false, ".x": false, "a b": false, "-x": false, "Local": false, "options2": false, "é": false,
	} {
		o := newOracle(t, db, name)
		_, complaint := o.try("-Sl")
		_, err := ReadConfig(o.writeConfig())
		require.Equal(t, refused, strings.Contains(complaint, "could not register"), "%q: %s", name, complaint)
		require.Equal(t, refused, err != nil, "%q: %v", name, err)
	}
}

func TestListRepoFiles(t *testing.T) {
	db := t.TempDir()
	list := func(c *Config) (names []string) {
		files, err := ListRepoFiles(db, c)
		require.NoError(t, err)
		for _, f := range files {
			require.Equal(t, filepath.Join(db, "sync", f.Name+".db"), f.Path)
			names = append(names, f.Name)
		}
		return names
	}
	require.Empty(t, list(nil), "no directory")
	require.NoError(t, os.Mkdir(filepath.Join(db, "sync"), 0o755))
	require.Empty(t, list(nil), "an empty directory")
	for _, name := range []string{
		"multilib.db", "zz.db", "extra.db", "core.db", "core-testing.db", "custom.db", "multilib-testing.db", "extra-testing.db", "core.files",
		"core.db.sig", ".db", "core.db.part", "download-x", "local.db",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(db, "sync", name), nil, 0o644))
	}
	want := []string{"core-testing", "core", "extra-testing", "extra", "multilib-testing", "multilib", "custom", "zz"}
	require.Equal(t, want, list(nil))
	require.Equal(t, want, list(&Config{}), "a configuration without repositories")
	require.Equal(t, []string{"zz", "none", "core"}, list(&Config{Repos: []Repo{{Name: "zz"}, {Name: "none"}, {Name: "core"}}}))

	files, err := ListRepoFiles(db, &Config{Repos: []Repo{{Name: "zz", Usage: UsageSync}}})
	require.NoError(t, err)
	require.Equal(t, UsageSync, files[0].Usage)

	require.NoError(t, os.RemoveAll(filepath.Join(db, "sync")))
	require.NoError(t, os.WriteFile(filepath.Join(db, "sync"), nil, 0o644))
	_, err = ListRepoFiles(db, nil)
	require.ErrorIs(t, err, unix.ENOTDIR)
	require.ErrorContains(t, err, filepath.Join(db, "sync"))
}
