package pacman

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// listedPackage is a package of a repository with its list of files.
type listedPackage struct {
	name, version string
	groups        string
	paths         []string
}

// publishFiles writes the two databases of a repository.
func publishFiles(s *harness.System, repo string, packages ...listedPackage) {
	s.T.Helper()
	var packageEntries, all []harness.DatabaseEntry
	for _, p := range packages {
		var groups []string
		if p.groups != "" {
			groups = []string{"GROUPS", p.groups}
		}
		desc := harness.NewPackageEntry(p.name, p.version, groups...)
		packageEntries = append(packageEntries, desc)
		all = append(all, desc, harness.NewFilesEntry(p.name, p.version, p.paths...))
	}
	harness.WriteFile(s.T, s.SyncDBPath(repo), harness.BuildDatabase(s.T, packageEntries...))
	harness.WriteFile(s.T, s.FilesDBPath(repo), harness.BuildDatabase(s.T, all...))
}

// configureRepositories writes a pacman.conf with repositories.
func configureRepositories(s *harness.System, repos ...string) {
	s.T.Helper()
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\n"
	for _, repo := range repos {
		conf += "[" + repo + "]\nServer = file:///nowhere\n"
	}
	harness.WriteFile(s.T, s.PacmanConf, conf)
}

// oddPaths are paths as no package should have them, but as a database can have them.
var oddPaths = []string{
	"usr/", "usr/two words", "usr/ leading", "usr/trailing ", "usr/größe", "usr/GRÖSSE", "usr/日本/", "usr/日本/語", "usr/latin-\xe9", "usr/x\xff\xfey", "usr/esc-\x1b[31mred",
	"usr/tab\there", "usr/cr\rhere", `usr/back\slash`, "usr/%s%n", "usr/$(id)", "usr/*", "usr/[x]", "usr/a.b", "usr/axb", "usr/\u202egnp.exe", "usr/bell\a",
	"usr/-rf", "usr/quote's \"name\"", "/usr/absolute", "../outside", "usr/../up", "./here", "usr//twice", "usr//", "/", "//", "plain", "usr/dup", "usr/dup", "usr/dup/", "opt/dup",
	"usr/line\\nfeed", "usr/K\u212a", "usr/\u017ftrange", "a", "usr/" + strings.Repeat("long/", 700) + "end",
}

// newFilesSystem returns a system whose repositories have lists of files, among them odd ones and one that repo-add made.
func newFilesSystem(t testing.TB) *harness.System {
	t.Helper()
	for _, program := range []string{"pacman", "repo-add", "bsdtar"} {
		need.Program(t, program)
	}
	s := harness.New(t, harness.WithoutDatabases())
	configureRepositories(s, "core", "extra", "my.repo-1", "empty")
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("usr/share/large/%d/Many-%d.png", i%40, i))
	}
	publishFiles(s, "core",
		listedPackage{"bash", "5.2-1", "base", []string{"etc/", "etc/bash.bashrc", "usr/", "usr/bin/", "usr/bin/bash", "usr/bin/sh"}},
		listedPackage{"odd", "1:1.0-1", "", oddPaths},
		listedPackage{"c++", "1-1", "base\ndevel", []string{"usr/bin/c++", "usr/bin/C++", "usr/include/c++/vector"}},
		listedPackage{"a+b", "1-1", "", []string{"usr/bin/a"}},
		listedPackage{"a-b", "1-1", "", []string{"usr/bin/a"}},
		listedPackage{"a", "1-1", "", []string{"usr/bin/a"}},
		listedPackage{name: "nothing", version: "1-1"},
	)
	publishFiles(s, "extra",
		listedPackage{"bash", "5.3-1", "", []string{"usr/", "usr/bin/", "usr/bin/bash", "usr/bin/bash-next"}},
		listedPackage{"zsh", "5.9-1", "shells", []string{"usr/", "usr/bin/", "usr/bin/zsh", "usr/bin/sh"}},
		listedPackage{"large", "3-1", "", many},
		listedPackage{"größe", "1-1", "gruppe ä", []string{"usr/bin/größe"}},
	)
	publishFiles(s, "empty")
	addBuiltRepository(s, "my.repo-1")
	s.Install("bash", "5.2-1")
	s.Install("zsh", "5.8-1")
	s.Install("odd", "1.0-1")
	return s
}

// addBuiltRepository makes the databases of a repository with repo-add from packages whose files have odd names.
func addBuiltRepository(s *harness.System, repo string) {
	t := s.T
	t.Helper()
	build := s.Path("repository")
	var packages []string
	for name, files := range map[string][]string{
		"tool":     {"usr/bin/tool", "usr/share/tool/a b", "usr/share/tool/é中", "usr/lib/libx.so.1", "opt/empty/"},
		"odd-tool": {"usr/bin/new\nline", "usr/bin/tab\tname", `usr/bin/back\slash`, "usr/bin/latin-\xe9", "usr/bin/\x1b[1m", "usr/bin/%s", "usr/bin/tool\r", "usr/bin/ x "},
		"tool+":    {"usr/bin/tool", "etc/tool.conf", ".hidden", "usr/.hidden"},
	} {
		root := filepath.Join(build, name)
		harness.WriteFile(t, filepath.Join(root, ".PKGINFO"), "pkgname = "+name+"\npkgver = 1:2-3\narch = any\nsize = 1\ngroup = built\n")
		for _, file := range files {
			if strings.HasSuffix(file, "/") {
				require.NoError(t, os.MkdirAll(filepath.Join(root, file), 0o755))
			} else {
				harness.WriteFile(t, filepath.Join(root, file), "")
			}
		}
		file := filepath.Join(build, name+"-1:2-3-any.pkg.tar.gz")
		args := append([]string{"-czf", file, "-C", root}, harness.ListDir(t, root)...)
		r := s.RunTool("bsdtar", args...)
		require.Zero(t, r.Code, r.Stderr)
		packages = append(packages, file)
	}
	publishBuilt(s, repo, packages...)
}

// publishBuilt makes the databases of a repository with repo-add.
func publishBuilt(s *harness.System, repo string, packages ...string) {
	t := s.T
	t.Helper()
	archive := s.Path("repository", repo+".db.tar.gz")
	require.NoError(t, os.MkdirAll(filepath.Dir(archive), 0o755))
	r := s.RunTool("repo-add", append([]string{archive}, packages...)...)
	require.Zero(t, r.Code, r.Stderr)
	harness.WriteFile(t, s.SyncDBPath(repo), harness.ReadFile(t, archive))
	harness.WriteFile(t, s.FilesDBPath(repo), harness.ReadFile(t, strings.Replace(archive, ".db.", ".files.", 1)))
}

// fileQuestions are targets of pacman -F, of -Fx, and of -Fl.
var (
	fileTargets = slices.Concat(oddPaths, []string{
		"usr/bin/bash", "/usr/bin/bash", "//usr/bin/sh", "usr/bin/sh/", "usr/bin", "/usr/bin/", "usr/bin//", "bash", "sh", "c++", "C++", "a", "tool", "/tool", "vector", "Vector", "usr",
		"dup", "/dup", "nope", "/no/such/file", "größe", "Größe", "usr/bin/größe", "vector/", "Many-1.png", "usr/share/large/1/Many-1.png", "..", ".", "x", " x ", `new\nline`, "new\nline",
		"usr/bin/new\\nline", "usr/bin/new\nline", "latin-\xe9", `latin-\351`, ".PKGINFO", ".hidden", "usr/.hidden", "lines\nof\ntext", " ", "%FILES%",
	})
	// Package posixre says where its expressions differ from those of the C library: these do not match bytes that are not UTF-8, nor
	// letters outside ASCII by their case.
	fileExpressions = []string{
		"^bash$", "BASH", "^usr/bin/b", "usr/bin/.*sh$", "^/usr/absolute", "//", "/", "größe", "GRÖSSE", "(many|large)-[12][0-9]\\.png", "large/1/many-.*[05]\\.png$", "\\.so\\.[0-9]", "c\\+\\+",
		"^.$", "^..$", "[[:digit:]]{4}", "日本", "日.", "strange", "new.*line", "^\\.\\./", "dup", "usr/dup$", "usr/dup/?$", "$^", "nope", "^no/such", "\\<sh\\>", "x ", "\\*",
		"\\$\\(id\\)", "back\\\\slash", "[[:cntrl:]]", "usr/[[:cntrl:]]", "end$", "^usr/(long/)+end$", "\t", "usr/two words",
	}
	listTargets = []string{
		"bash", "core/bash", "extra/bash", "core/zsh", "nope", "nope/bash", "nothing", "core/nothing", "odd", "my.repo-1/odd-tool", "tool", "tool+", "c++", "a", "a+b", "größe", "bash/", "/bash",
		"core//bash", "extra/", "/", "base", "core", "usr/bin/bash", "empty/x", "Bash",
	}
)

// wrongExpressions are expressions that pacman refuses.
var wrongExpressions = []string{"(", "[", "a{2,1}", "*", "a**", "\\", "[[:x:]]", "/usr/(", ")"}

// TestLetters_Files compares command lines of the operation -F, in the three ways in which omg can answer them.
func TestLetters_Files(t *testing.T) {
	s := newFilesSystem(t)
	s.BuildIndexes("--files")
	db := []string{"--config", s.PacmanConf, "-b", s.DB}
	ways := [][]string{
		slices.Concat([]string{"--no-daemon", "--data-dir", s.Data}, db),
		slices.Concat([]string{"--no-daemon", "--data-dir", t.TempDir()}, db),
	}
	ask := func(args ...string) {
		t.Helper()
		requireSameLetters(t, s, ways, args, "")
	}
	for _, shape := range [][]string{nil, {"-q"}, {"--machinereadable"}, {"-q", "--machinereadable"}, {"--color", "always"}, {"-q", "--color", "always"}} {
		with := func(operation string, targets ...string) {
			ask(slices.Concat([]string{operation}, shape, []string{"--"}, targets)...)
		}
		with("-F", fileTargets...)
		with("-F", "usr/bin/sh")
		with("-F", "sh")
		with("-F", "nope")
		with("-F")
		with("-Fx", fileExpressions...)
		with("-Fx", "sh$", "/sh$")
		with("-Fx", "nope")
		with("-Fx")
		with("-Fl", listTargets...)
		with("-Fl", "zsh")
		with("-Fl")
		with("-Flx", "zsh", "z.h")
	}
	for _, wrong := range wrongExpressions {
		ask("-Fx", wrong)
	}
	ask("-Fx", "bash", "(", "sh", "[")
	ask("-F", "")
	ask("-F", "/", "", "//")
	ask("-Fx", "", "bash")
	ask("-Fl", "", "bash")
	requireSameLetters(t, s, ways, []string{"-F", "-"}, "bash\n/usr/bin/sh\nnope\n")
	requireSameLetters(t, s, ways, []string{"-Fl", "zsh", "-"}, "nope\ncore/bash")
	requireSameLetters(t, s, ways, []string{"-Fxq", "-"}, "^z")
}

// TestLetters_FilesMissing compares command lines while repositories have no list of files, or an unreadable one.
func TestLetters_FilesMissing(t *testing.T) {
	s := newFilesSystem(t)
	s.BuildIndexes("--files")
	for _, damage := range []func(){
		func() { require.NoError(t, os.Remove(s.FilesDBPath("core"))) },
		func() { require.NoError(t, os.Remove(s.FilesDBPath("extra"))) },
		func() { require.NoError(t, os.RemoveAll(filepath.Join(s.DB, "sync"))) },
		func() { configureRepositories(s) },
	} {
		damage()
		ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", s.PacmanConf, "-b", s.DB}}
		for _, line := range []string{"-F", "-F sh", "-F usr/bin/tool nope", "-Fx", "-Fx sh", "-Fx (", "-Fl", "-Fl bash", "-Fl core/bash tool", "-Flq", "-Fq tool"} {
			requireSameLetters(t, s, ways, strings.Fields(line), "")
		}
	}
}

// TestLetters_FilesDamaged compares what pacman -F finds in the other repositories while the list of one is damaged. pacman describes the
// damage differently.
func TestLetters_FilesDamaged(t *testing.T) {
	s := newFilesSystem(t)
	whole := harness.ReadFile(t, s.FilesDBPath("core"))
	for _, damaged := range [][]byte{whole[:len(whole)/2], []byte("<html>not here</html>")} {
		harness.WriteFile(t, s.FilesDBPath("core"), damaged)
		for _, line := range []string{"-F sh", "-F usr/bin/tool sh nope", "-Fx sh$ tool$", "-Fl", "-Fl zsh bash", "-Flq nope zsh nope"} {
			want, got := s.Pacman(strings.Fields(line)...), s.DatabasesAnswerWay().Omg(strings.Fields(line)...)
			require.Equal(t, want.Stdout, got.Stdout, line)
			require.Equal(t, want.Code, got.Code, line)
			require.Equal(t, 1, strings.Count(got.Stderr, "omg: error: could not read database 'core': "), got.Stderr)
		}
	}
}

// newFilesComparison returns a comparison on the system of newFilesSystem with indexes of the lists of files.
func newFilesComparison(t testing.TB) *comparison {
	t.Helper()
	s := newFilesSystem(t)
	s.BuildIndexes("--files")
	w := newComparison(t, s)
	w.daemon.AwaitFileLists(func(b *wire.Basis) bool { return !b.Partial && !b.Stale }, "all lists")
	return w
}

// TestOwns_Repositories compares omg owns --repos with pacman -F, and omg files --repos with pacman -Fl.
func TestOwns_Repositories(t *testing.T) {
	w := newFilesComparison(t)
	ask := func(pacman, omg string, targets ...string) {
		w.T.Helper()
		arguments := func(line string) []string { return slices.Concat(strings.Fields(line), []string{"--"}, targets) }
		w.same(question{arguments(pacman), arguments(omg)})
	}
	// omg answers once for a name that is given twice in a row.
	for _, line := range []string{"owns --repos sh", "owns --repos -q sh", "files --repos zsh", "command sh"} {
		arguments := strings.Fields(line)
		for _, way := range w.ways {
			require.Equal(t, way.Omg(arguments...), way.Omg(append(arguments, arguments[len(arguments)-1])...), "%s: %s", way.Name, line)
		}
	}
	targets := slices.Compact(slices.Clone(fileTargets))
	ask("-F", "owns --repos", targets...)
	ask("-Fq", "owns --repos -q", targets...)
	ask("-Fx", "owns --repos -x", fileExpressions...)
	ask("-Fxq", "owns --repos -xq", fileExpressions...)
	ask("-F", "owns --repos", "sh")
	ask("-F", "owns --repos", "nope")
	ask("-Fx", "owns --repos -x", "nope/")
	ask("-Fl", "files --repos", "bash", "extra/bash", "odd", "tool", "my.repo-1/odd-tool", "large")
	ask("-Flq", "files --repos -q", "bash", "c++")
	ask("-Fl", "files --repos", "nope")
	for _, wrong := range wrongExpressions {
		if w.pacman("-Fx", wrong).Code == 0 {
			continue // the C library accepts it
		}
		for _, way := range w.ways {
			r := way.Omg("owns", "--repos", "-x", "--", "bash", wrong)
			require.Empty(t, r.Stdout, "%s: %q", way.Name, wrong)
			harness.RequireError(t, r, "omg", 2)
		}
	}
}
