package pacman

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/termtext"
)

// same demands that omg prints what pacman prints and finds nothing where
// pacman finds nothing. pacman has one exit code for that and for every error.
func (y way) same(t *testing.T, pacman programs.Result, args ...string) {
	t.Helper()
	got := y.omg(t, args...)
	what := fmt.Sprintf("%s: omg %q\n%s", y.name, args, got.Stderr)
	requireSameLines(t, pacman.Stdout, got.Stdout, what)
	require.Equal(t, pacman.Code != 0, got.Code != 0, what)
	require.LessOrEqual(t, got.Code, 1, what)
}

func (w *world) installed(t *testing.T) []*pacmandb.Installed {
	t.Helper()
	local, err := pacmandb.ReadLocal(t.Context(), w.db)
	require.NoError(t, err)
	require.Greater(t, len(local.Packages), 500)
	return local.Packages
}

func names(packages []*pacmandb.Installed) []string {
	out := make([]string, len(packages))
	for i, p := range packages {
		out[i] = p.Name
	}
	return out
}

// TestListsEqualPacman compares whole lists, under configurations that ignore
// packages or use repositories for some purposes only.
func TestListsEqualPacman(t *testing.T) {
	w := newWorld(t)
	conf, err := os.ReadFile(w.conf)
	require.NoError(t, err)
	for name, edit := range map[string]*strings.Replacer{
		"plain":       strings.NewReplacer(),
		"ignored":     strings.NewReplacer("[options]", "[options]\nIgnorePkg = git lib32-*\nIgnoreGroup = base-devel xorg"),
		"usage":       strings.NewReplacer("[extra]", "[extra]\nUsage = Sync Search"),
		"other order": strings.NewReplacer("[core]", "[multilib]", "[multilib]", "[core]"),
		"one less":    strings.NewReplacer("[multilib]\nServer = file:///nowhere", ""),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(w.conf, []byte(edit.Replace(string(conf))), 0o644))
			for _, y := range w.ways(t) {
				for _, q := range []struct{ pacman, omg []string }{
					{[]string{"-Qu"}, []string{"outdated"}},
					{[]string{"-Quq"}, []string{"outdated", "-q"}},
					{[]string{"-Qm"}, []string{"foreign"}},
					{[]string{"-Qmq"}, []string{"installed", "--foreign", "-q"}},
					{[]string{"-Qe"}, []string{"explicit"}},
					{[]string{"-Qeq"}, []string{"explicit", "-q"}},
					{[]string{"-Qd"}, []string{"installed", "--deps"}},
					{[]string{"-Qdt"}, []string{"orphans"}},
					{[]string{"-Qdtq"}, []string{"orphans", "-q"}},
					{[]string{"-Qdtt"}, []string{"orphans", "--required"}},
					{[]string{"-Q"}, []string{"installed"}},
				} {
					y.same(t, w.pacman(t, q.pacman...), q.omg...)
				}
				count := y.omg(t, "explicit", "-c")
				require.Equal(t, fmt.Sprintln(len(w.pacman(t, "-Qeq").Lines())), count.Stdout)
			}
		})
	}
}

// TestInstalledWordsEqualPacman compares pacman -Qs, literal words and
// expressions.
func TestInstalledWordsEqualPacman(t *testing.T) {
	w := newWorld(t)
	var qs []query
	for _, s := range []string{
		"gtk", "GTK", "lib", "bash", "sh", "c++", "libstdc++", "python-", "-git", "lib32-", "lib.so", "base-devel", "xfce4",
		"web browser", "c library", "x11 lib", "qt 5", "@", "(", "[x]", "a.b", "2.0", "$", `\`, "é", "–", "nothinghasthis", "0", "yay",
	} {
		qs = append(qs, literal(strings.Fields(s)...))
	}
	for _, s := range []string{"^lib", "so$", "^.{3}$", "fire.*fox", "firefox|thunderbird", "[[:digit:]]{3}", `\<go`, ".", "(", "["} {
		qs = append(qs, expression(strings.Fields(s)...))
	}
	for _, y := range w.ways(t) {
		for _, q := range qs {
			want := w.pacman(t, append([]string{"-Qs"}, q.pacman...)...)
			got := y.omg(t, append([]string{"installed"}, q.omg...)...)
			if strings.Contains(want.Stderr, "regular expression") {
				require.Equal(t, 2, got.Code, "%s: %q", y.name, q.omg)
				continue
			}
			y.same(t, want, append([]string{"installed"}, q.omg...)...)
		}
	}
}

// TestInstalledInfoEqualsPacman compares every installed package, line for line.
func TestInstalledInfoEqualsPacman(t *testing.T) {
	w := newWorld(t)
	packages := names(w.installed(t))
	packages = append(packages, "sh", "java-runtime=18", "glibc>=2.30", "nosuchpackage")
	for _, y := range w.ways(t) {
		for batch := range slices.Chunk(packages, 300) {
			y.same(t, w.pacman(t, append([]string{"-Qi"}, batch...)...), append([]string{"info", "-i"}, batch...)...)
		}
	}
}

// TestInfoOfWhatNoRepositoryHas shows what is installed.
func TestInfoOfWhatNoRepositoryHas(t *testing.T) {
	w := newWorld(t)
	foreign := w.pacman(t, "-Qmq").Lines()
	require.NotEmpty(t, foreign)
	for _, y := range w.ways(t) {
		y.same(t, w.pacman(t, append([]string{"-Qi"}, foreign...)...), append([]string{"info"}, foreign...)...)
		got := y.omg(t, "info", "--format", "{{.name}} {{.installed}}", "bash", foreign[0], "nosuchpackage", "sh")
		require.Equal(t, 1, got.Code)
		require.Equal(t, "bash 5.1.016-1\n"+foreign[0]+" \n", got.Stdout, y.name)
		require.Contains(t, got.Stderr, "'nosuchpackage' was not found")
		require.Contains(t, got.Stderr, "'sh' was not found")
	}
}

// TestSearchMarksWhatIsInstalled as pacman does.
func TestSearchMarksWhatIsInstalled(t *testing.T) {
	w := newWorld(t)
	for _, y := range w.ways(t) {
		for _, word := range []string{"lib32", "git", "gtk"} {
			want, got := w.pacman(t, "-Ss", word).Lines(), y.omg(t, "search", "--limit", "0", word).Lines()
			require.Contains(t, strings.Join(want, "\n"), "[installed: ")
			slices.Sort(want)
			slices.Sort(got)
			for i := range want {
				want[i] = termtext.Clean(want[i])
			}
			require.Equal(t, want, got, y.name)
		}
	}
}

// rooted makes the files of some packages in a root directory of their own, for
// pacman looks at what is there, and returns their paths.
func (w *world) rooted(t *testing.T) []string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.MkdirAll(root, 0o755))
	conf, err := os.ReadFile(w.conf)
	require.NoError(t, err)
	conf = []byte(strings.Replace(string(conf), "[options]", "[options]\nRootDir = "+root, 1))
	require.NoError(t, os.WriteFile(w.conf, conf, 0o644))
	var made []string
	for i, p := range w.installed(t) {
		if i%20 != 0 {
			continue
		}
		files, err := pacmandb.Files(w.db, p)
		require.NoError(t, err)
		for j, f := range files {
			path := filepath.Join(root, f)
			if strings.HasSuffix(f, "/") {
				require.NoError(t, os.MkdirAll(path, 0o755))
			} else {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, nil, 0o644))
			}
			if j%3 == 0 || j == len(files)-1 {
				made = append(made, path, path+"/")
			}
		}
	}
	return append(made, root+"/usr/", root+"/nosuch", root+"/usr/nosuch/", "/elsewhere", root)
}

func TestOwnsEqualsPacman(t *testing.T) {
	w := newWorld(t)
	paths := w.rooted(t)
	require.Greater(t, len(paths), 100)
	unowned := regexp.MustCompile(`(?i)error: no package owns (.*)`)
	for _, y := range w.ways(t)[1:] { // no daemon is asked
		for batch := range slices.Chunk(paths, 40) {
			want := w.pacman(t, append([]string{"-Qo"}, batch...)...)
			got := y.omg(t, append([]string{"owns"}, batch...)...)
			requireSameLines(t, want.Stdout, got.Stdout, y.name)
			require.Equal(t, want.Code != 0, got.Code == 1, "%s%s", want.Stderr, got.Stderr)
			require.Len(t, unowned.FindAllString(got.Stderr, -1), len(unowned.FindAllString(want.Stderr, -1)), "%s%s", want.Stderr, got.Stderr)
			y.same(t, w.pacman(t, append([]string{"-Qoq"}, batch...)...), append([]string{"owns", "-q"}, batch...)...)
		}
	}
}

func TestFilesEqualPacman(t *testing.T) {
	w := newWorld(t)
	var packages []string
	for i, name := range names(w.installed(t)) {
		if i%18 == 0 {
			packages = append(packages, name)
		}
	}
	require.Greater(t, len(packages), 50)
	packages = append(packages, "sh", "nosuchpackage")
	for _, y := range w.ways(t)[1:] { // no daemon is asked
		y.same(t, w.pacman(t, append([]string{"-Ql"}, packages...)...), append([]string{"files"}, packages...)...)
		y.same(t, w.pacman(t, append([]string{"-Qlq"}, packages...)...), append([]string{"files", "-q"}, packages...)...)
	}
}
