package pacman

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// helpOption matches an option in pacman's help, with its letter if it has one.
var helpOption = regexp.MustCompile(`(?m)^  (?:-(\w), |    )--([a-z-]+)`)

// pacmanOption is an option of an operation of pacman, as its help lists it.
type pacmanOption struct{ letter, long string }

// optionValues has a value for each option that needs one. ROOT and DB are replaced.
var optionValues = map[string]string{
	"arch": "any", "assume-installed": "x=1", "cachedir": "/nowhere", "color": "always", "config": "CONF", "dbpath": "DB", "gpgdir": "/nowhere", "hookdir": "/nowhere",
	"ignore": "old", "ignoregroup": "some", "logfile": "/nowhere", "overwrite": "*", "print-format": "%n", "root": "ROOT", "sysroot": "/nowhere",
}

// spell returns the words of the option, in the long form if the letter is not wanted or does not exist.
func (o pacmanOption) spell(p *builtPackage, long bool) []string {
	name := "-" + o.letter
	if long || o.letter == "" {
		name = "--" + o.long
	}
	value, hasValue := optionValues[o.long]
	if !hasValue {
		return []string{name}
	}
	return []string{name, strings.NewReplacer("ROOT", p.root, "DB", p.DB, "CONF", p.PacmanConf).Replace(value)}
}

// pacmanOptions returns the options of an operation in pacman's help.
func pacmanOptions(t *testing.T, s *harness.System, operation string) (list []pacmanOption) {
	t.Helper()
	for _, m := range helpOption.FindAllStringSubmatch(s.Pacman("-"+operation, "--help").Stdout, -1) {
		list = append(list, pacmanOption{m[1], m[2]})
	}
	require.NotEmpty(t, list)
	return list
}

// lettersTargets returns the three lists of targets with which options are run: none, a known one, and unknown ones.
func (p *builtPackage) lettersTargets(start string, options []pacmanOption) [][]string {
	targets, used := [][]string{nil, {"full"}, {"plain", "nope", "old"}}, usedOptions(start, options)
	has := func(option string) bool { return slices.Contains(used, option) }
	switch {
	case has("file"):
		targets = [][]string{nil, {p.file}, {p.file, "nope"}}
	case has("owns"):
		targets = [][]string{nil, {p.root + "/usr/share/full"}, {"/none", "sh"}}
	case has("groups"):
		targets = [][]string{nil, {"some"}, {"nope", "some"}}
	case start == "-F" && !has("list"):
		targets = [][]string{nil, {"full.conf", "/usr/share/full/data"}, {"da.a", "usr/share/old/x$", "nope"}}
	case start == "-Sl":
		targets = [][]string{nil, {"core"}, {"nope", "extra"}}
	}
	return targets
}

// detachedSignature is a signature of OpenPGP by the key 84A1EAEBB6B11A1A.
const detachedSignature = "iHUEABYIAB0WIQRBMgtQlFEj8PuVSe6EoerrtrEaGgUCawxMPAAKCRCEoerrtrEaGpxXAQCw+btcYobPBaS70Jm+wj7vRhadsduE4TsqORMfMI+07QEAo2cK9AugIUykxL0jidrWDqjqroIARx3cg4JqdBtYXwc="

// newLettersSystem returns a system with an installed package of makepkg, a few others, and repositories with their lists of files.
func newLettersSystem(t *testing.T) *builtPackage {
	t.Helper()
	s := newBuiltPackage(t)
	s.Install("old", "1-1", "REASON", "1", "GROUPS", "some", "DEPENDS", "plain")
	s.Install("foreign", "1-1", "OPTDEPENDS", "old: for x")
	conf := string(harness.ReadFile(t, s.PacmanConf))
	harness.WriteFile(t, s.PacmanConf, conf+"[core]\nServer = file:///nowhere\n[extra]\nServer = file:///nowhere\n")
	publishBuilt(s.System, "extra", s.file)
	publishFiles(s.System, "core", listedPackage{"old", "2-1", "some", []string{"usr/share/old/", "usr/share/old/x", "usr/share/old/data"}}, listedPackage{name: "plain", version: "1-1"})
	for repo, entries := range map[string][]harness.DatabaseEntry{
		"core": {
			harness.NewPackageEntry("old", "2-1", "GROUPS", "some", "DESC", "An old one", "MD5SUM", "00ff", "SHA256SUM", "11ff", "PGPSIG", detachedSignature),
			harness.NewPackageEntry("plain", "1-1", "PGPSIG", "AAAA"),
			harness.NewPackageEntry("unsigned", "1-1", "SHA256SUM", "22ff"),
		},
		"extra": {
			harness.NewPackageEntry("full", "1.3-1", "GROUPS", "some\nmore", "PROVIDES", "virtual"), harness.NewPackageEntry("other", "5-1", "CONFLICTS", "full"),
		},
	} {
		harness.WriteFile(t, s.SyncDBPath(repo), harness.BuildDatabase(t, entries...))
	}
	return s
}

// TestLetters_EveryOption runs every option that the help of the installed pacman lists for an operation that reads, and every pair of the
// options that select what is read, without targets, with a known one, and with unknown ones.
func TestLetters_EveryOption(t *testing.T) {
	p := newLettersSystem(t)
	ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", p.PacmanConf, "-b", p.DB}}
	for operation, always := range map[string]string{"Q": "", "S": "s g i l", "D": "k", "T": "", "F": ""} {
		t.Run(operation, func(t *testing.T) {
			var single, pairs [][]pacmanOption
			options := pacmanOptions(t, p.System, operation)
			for i, o := range options {
				single = append(single, []pacmanOption{o})
				for _, other := range options[:i+1] {
					if o.isSelection() && other.isSelection() {
						pairs = append(pairs, []pacmanOption{o, other})
					}
				}
			}
			starts := strings.Split(always, " ")
			for i, list := range slices.Concat(single, pairs) {
				for k, first := range starts {
					start := "-" + operation + first
					targets := p.lettersTargets(start, list)
					if os.Getenv("OMG_SOAK") == "" { // all would take minutes
						targets = targets[(i/len(starts)+k)%len(targets):][:1]
						if i >= len(single) && i%len(starts) != k {
							continue
						}
					}
					for _, names := range targets {
						p.compareOptions(t, ways, start, list, names, i%2 == 0)
					}
				}
			}
		})
	}
}

// isSelection reports whether an option has a letter of its operation, so that it can be combined with others in one word.
func (o pacmanOption) isSelection() bool {
	_, hasValue := optionValues[o.long]
	return o.letter != "" && !hasValue
}

// usedOptions returns the long forms of the letters after an operation and of options.
func usedOptions(start string, options []pacmanOption) (used []string) {
	for _, letter := range start[2:] {
		used = append(used, longOfLetter[start[1:2]][byte(letter)])
	}
	for _, o := range options {
		used = append(used, o.long)
	}
	return used
}

// compareOptions runs a command line. If omg does not answer it, it has to print the command line of pacman.
func (p *builtPackage) compareOptions(t *testing.T, ways [][]string, start string, options []pacmanOption, targets []string, long bool) {
	t.Helper()
	line := []string{start}
	for _, o := range options {
		line = append(line, o.spell(p, long)...)
	}
	line = append(line, targets...)
	used := usedOptions(start, options)
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(used, name) })
	}
	got := p.Run("omg", slices.Concat(ways[0], line)...)
	switch {
	case strings.Contains(got.Stderr, "omg only reads"):
		require.Equal(t, 2, got.Code)
		require.True(t, has("clean", "refresh", "asdeps", "asexplicit"), "%q: %s", line, got.Stderr)
		require.Contains(t, got.Stderr, "hint: sudo pacman ")
	case strings.Contains(got.Stderr, "omg cannot answer"):
		require.Equal(t, 3, got.Code)
		require.True(t, has("debug", "print"), "%q: %s", line, got.Stderr)
		require.Contains(t, got.Stderr, "hint: pacman ")
	default:
		t.Run(strings.Join(line, " "), func(t *testing.T) { requireSameLetters(t, p.System, ways, line, "") })
	}
}

// TestLetters_Signatures compares how packages of the repositories are validated.
func TestLetters_Signatures(t *testing.T) {
	p := newLettersSystem(t)
	ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", p.PacmanConf, "-b", p.DB}}
	for _, line := range []string{"-Si old", "-Sii old", "-Sii plain", "-Sii unsigned full", "-Sii"} {
		requireSameLetters(t, p.System, ways, strings.Fields(line), "")
	}
	require.Contains(t, p.Run("omg", slices.Concat(ways[0], []string{"-Sii", "old"})...).Stdout, "84A1EAEBB6B11A1A")
}

// TestLetters_FileUpdates compares -Qpu with all that can change its answer.
func TestLetters_FileUpdates(t *testing.T) {
	p := newLettersSystem(t)
	ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", p.PacmanConf, "-b", p.DB}}
	conf := string(harness.ReadFile(t, p.PacmanConf))
	for _, more := range []string{
		conf, conf + "Usage = Sync Search\n", strings.Replace(conf, "[core]", "IgnorePkg = f*\n[core]", 1), strings.Replace(conf, "[core]", "IgnoreGroup = some\n[core]", 1),
	} {
		harness.WriteFile(t, p.PacmanConf, more)
		for _, letters := range []string{"-Qpu", "-Qpuq", "-Qpun", "-Qpum", "-Qpui", "-Qpul", "-Qpuk"} {
			requireSameLetters(t, p.System, ways, []string{letters, p.file}, "")
		}
	}
	require.Contains(t, p.Run("omg", slices.Concat(ways[0], []string{"-Qpu", p.file})...).Stdout, "full 1.2-3 -> 1.3-1")
	harness.WriteFile(t, p.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("full", "1.2-3")))
	requireSameLetters(t, p.System, ways, []string{"-Qpu", p.file}, "")

	// omg checks no signatures, and says so.
	harness.WriteFile(t, p.file+".sig", "x")
	r := p.Run("omg", slices.Concat(ways[0], []string{"-Qip", p.file})...)
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "has a signature, which omg does not check\nomg: hint: pacman --config ")
	requireSameLetters(t, p.System, ways, []string{"-Qlp", p.file}, "")
}

// TestLetters_Verbose compares -v, with which pacman prints its directories, with what sets them.
func TestLetters_Verbose(t *testing.T) {
	p := newLettersSystem(t)
	link := p.Path("link")
	require.NoError(t, os.Symlink(p.root, link))
	require.NoError(t, os.MkdirAll(p.root+"/var/lib/pacman/local", 0o755))
	for _, conf := range []string{
		"", "RootDir = " + p.root + "\nDBPath = " + p.DB + "\n", "CacheDir = /a /b/\nCacheDir = c\nHookDir = /h\nHookDir = /i/\nGPGDir = /g\nGPGDir = /other\nLogFile = /l\n",
	} {
		file := p.Path("verbose.conf")
		harness.WriteFile(t, file, "[options]\nArchitecture = x86_64\nSigLevel = Never\n"+conf+"[core]\nServer = file:///nowhere\n")
		for _, line := range []string{
			"-T -v", "-Qv -r " + p.root, "-Qvq -b " + p.DB, "-Tv --root " + link + " none nope", "-Tv -r " + link + " -b " + p.DB, "-Ssv -b " + p.DB + " old", "-Dkv -r " + link,
			"-Tv --cachedir x --cachedir /y/ --hookdir z --logfile l --gpgdir g --arch any none",
		} {
			requireSamePrograms(t, p.System, append([]string{"--config", file}, strings.Fields(line)...))
		}
	}
	requireSamePrograms(t, p.System, []string{"-Tv", "a  b", ""})
}

// TestLetters_MissingDatabase compares command lines on a system without the database of a repository: pacman warns at each of them.
func TestLetters_MissingDatabase(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.WithoutDatabases())
	s.Install("a", "1-1")
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\nSigLevel = Never\n[core]\nServer = file:///nowhere\n[extra]\nServer = file:///nowhere\n")
	harness.WriteFile(t, s.SyncDBPath("extra"), harness.BuildDatabase(t, harness.NewPackageEntry("a", "2-1")))
	ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", s.PacmanConf, "-b", s.DB}}
	for _, line := range []string{"-T x", "-Q", "-Qo /x", "-Qi a", "-Qs a", "-Qg", "-Dk", "-Ss a", "-Sl", "-Sl core", "-Qp /x", "-Qm", "-Qu", "-Dkk", "-Sg", "-Si a", "-Sii a"} {
		requireSameLetters(t, s, ways, strings.Fields(line), "")
	}
}

// TestLetters_Sysroot compares --sysroot, with which pacman makes a directory its root directory.
func TestLetters_Sysroot(t *testing.T) {
	p := newLettersSystem(t)
	guest := p.Path("guest")
	for from, to := range map[string]string{p.DB: "/var/lib/pacman", p.root: "/"} {
		require.NoError(t, os.CopyFS(guest+to, os.DirFS(from)))
	}
	harness.WriteFile(t, guest+"/etc/pacman.conf", "[options]\nArchitecture = x86_64\nSigLevel = Never\n[core]\nServer = file:///nowhere\n[extra]\nServer = file:///nowhere\n")
	for _, line := range []string{
		"-Q", "-Qu", "-Qkk full", "-Qi old", "-Ss", "-Si old", "-Sg", "-Dk", "-T plain none", "-Qo /usr/share/full/data", "-Ql full", "-Q --config /nowhere", "-F data", "-Flq full",
	} {
		requireSamePrograms(t, p.System, append([]string{"--sysroot", guest}, strings.Fields(line)...))
	}
	requireSamePrograms(t, p.System, []string{"-Q", "--sysroot", p.Path("missing")})
	other := p.AsUser(1000)
	requireSamePrograms(t, other, []string{"-Q", "--sysroot", guest})
}

// requireSamePrograms runs a command line with pacman and with omg, and adds no option that selects databases.
func requireSamePrograms(t *testing.T, s *harness.System, args []string) {
	t.Helper()
	want, got := s.RunTool("pacman", args...), s.Run("omg", args...)
	require.Equal(t, want.Stdout, got.Stdout, "%q: %s", args, got.Stderr)
	require.Equal(t, want.Code, got.Code, "%q: %s", args, got.Stderr)
	require.Equal(t, messages(want.Stderr, ""), messages(got.Stderr, "omg: "), args)
}
