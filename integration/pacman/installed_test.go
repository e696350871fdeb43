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

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// testLists compares complete lists, under configurations that ignore packages or use repositories for some operations
// only.
func testLists(t *testing.T, w *comparison) {
	for name, edit := range map[string]*strings.Replacer{
		"plain":       strings.NewReplacer(),
		"ignored":     strings.NewReplacer("[options]", "[options]\nIgnorePkg = git lib32-*\nIgnoreGroup = base-devel xorg"),
		"usage":       strings.NewReplacer("[extra]", "[extra]\nUsage = Sync Search"),
		"other order": strings.NewReplacer("[core]", "[multilib]", "[multilib]", "[core]"),
		"one less":    strings.NewReplacer("[multilib]\nServer = file:///nowhere", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.forSubtest(t)
			if conf := edit.Replace(harness.CorpusPacmanConf); conf != harness.CorpusPacmanConf {
				w = w.configured(t, conf)
			}
			w.same(
				newQuestion("-Qu", "outdated"),
				newQuestion("-Quq", "outdated -q"),
				newQuestion("-Qm", "foreign"),
				newQuestion("-Qmq", "installed --foreign -q"),
				newQuestion("-Qe", "explicit"),
				newQuestion("-Qeq", "explicit -q"),
				newQuestion("-Qd", "installed --deps"),
				newQuestion("-Qdt", "orphans"),
				newQuestion("-Qdtq", "orphans -q"),
				newQuestion("-Qdtt", "orphans --required"),
				newQuestion("-Q", "installed"),
			)
			count := fmt.Sprintln(len(w.pacman("-Qeq").Lines()))
			for _, way := range w.ways {
				require.Equal(t, count, way.Omg("explicit", "-c").Stdout, way.Name)
			}
		})
	}
}

// testInstalledWords compares omg installed WORD with pacman -Qs WORD, for literal words and for expressions.
func testInstalledWords(t *testing.T, w *comparison) {
	var all []query
	for _, s := range []string{
		"gtk", "GTK", "lib", "bash", "sh", "c++", "libstdc++", "python-", "-git", "lib32-", "lib.so", "base-devel", "xfce4",
		"web browser", "c library", "x11 lib", "qt 5", "@", "(", "[x]", "a.b", "2.0", "$", `\`, "é", "–", "nothinghasthis", "0", "yay",
	} {
		all = append(all, literal(strings.Fields(s)...))
	}
	for _, s := range []string{"^lib", "so$", "^.{3}$", "fire.*fox", "firefox|thunderbird", "[[:digit:]]{3}", `\<go`, ".", "(", "["} {
		all = append(all, expression(strings.Fields(s)...))
	}
	for _, q := range all {
		want := w.pacman(append([]string{"-Qs"}, q.pacman...)...)
		for _, way := range w.ways {
			args := append([]string{"installed"}, q.omg()...)
			if strings.Contains(want.Stderr, "regular expression") {
				require.Equal(t, exit.Usage, way.Omg(args...).Code, "%s: %q", way.Name, args)
				continue
			}
			requireSame(t, want, way, args...)
		}
	}
}

// testInfo compares omg info with pacman -Si for every package of the repositories, line by line.
func testInfo(t *testing.T, w *comparison) {
	var all []string
	for _, p := range w.offered() {
		all = append(all, p.Name)
	}
	slices.Sort(all)
	for batch := range slices.Chunk(slices.Compact(all), 500) {
		want := w.pacman(append([]string{"-Si"}, batch...)...)
		require.Zero(t, want.Code, want.Stderr)
		for _, way := range w.ways {
			got := way.Omg(append([]string{"info"}, batch...)...)
			require.Zero(t, got.Code, got.Stderr)
			requireSameLines(t, want.Stdout, installedLine.ReplaceAllString(got.Stdout, ""), way.Name)
		}
	}
}

// installedLine matches the line that omg info prints in addition to pacman's.
var installedLine = regexp.MustCompile(`(?m)^Installed       : .*\n`)

// testInstalledInfo compares the output of omg info -i and pacman -Qi for every installed package, line by line.
func testInstalledInfo(t *testing.T, w *comparison) {
	packages := append(names(w.installed()), "sh", "java-runtime=18", "glibc>=2.30", "nosuchpackage")
	for batch := range slices.Chunk(packages, 300) {
		w.same(question{append([]string{"-Qi"}, batch...), append([]string{"info", "-i"}, batch...)})
	}
}

// testForeignInfo checks that info shows the installed package if no repository has it.
func testForeignInfo(t *testing.T, w *comparison) {
	foreign := w.pacman("-Qmq").Lines()
	require.NotEmpty(t, foreign)
	w.same(question{append([]string{"-Qi"}, foreign...), append([]string{"info"}, foreign...)})
	for _, way := range w.ways {
		got := way.Omg("info", "--format", "{{.name}} {{.installed}}", "bash", foreign[0], "nosuchpackage", "sh")
		require.Equal(t, exit.NotFound, got.Code)
		require.Equal(t, "bash 5.1.016-1\n"+foreign[0]+" \n", got.Stdout, way.Name)
		require.Contains(t, got.Stderr, "\"nosuchpackage\" was not found")
		require.Contains(t, got.Stderr, "\"sh\" was not found")
	}
}

// rooted returns a comparison with a root directory that contains the files of some packages: pacman -Qo finds only
// files that exist. It also returns the paths of these files, and of files that belong to no package.
func (w *comparison) rooted() (*comparison, []string) {
	w.T.Helper()
	root := filepath.Join(w.T.TempDir(), "root")
	require.NoError(w.T, os.MkdirAll(root, 0o755))
	var made []string
	for i, p := range w.installed() {
		if i%20 != 0 {
			continue
		}
		files, err := pacmandb.PackageFiles(w.DB, p)
		require.NoError(w.T, err)
		for j, f := range files {
			path := filepath.Join(root, f)
			if strings.HasSuffix(f, "/") {
				require.NoError(w.T, os.MkdirAll(path, 0o755))
			} else {
				harness.WriteFile(w.T, path, "")
			}
			if j%3 == 0 || j == len(files)-1 {
				made = append(made, path, path+"/")
			}
		}
	}
	conf := strings.Replace(harness.CorpusPacmanConf, "[options]", "[options]\nRootDir = "+root, 1)
	return w.configured(w.T, conf), append(made, root+"/usr/", root+"/nosuch", root+"/usr/nosuch/", "/elsewhere", root)
}

func testOwns(t *testing.T, w *comparison) {
	w, paths := w.rooted()
	require.Greater(t, len(paths), 100)
	unowned := regexp.MustCompile(`(?i)error: no package owns (.*)`)
	for batch := range slices.Chunk(paths, 40) {
		want := w.pacman(append([]string{"-Qo"}, batch...)...)
		for _, way := range w.ways {
			got := way.Omg(append([]string{"owns"}, batch...)...)
			requireSameLines(t, want.Stdout, got.Stdout, way.Name)
			require.Equal(t, want.Code != 0, got.Code == exit.NotFound, "%s%s", want.Stderr, got.Stderr)
			require.Len(t, unowned.FindAllString(got.Stderr, -1), len(unowned.FindAllString(want.Stderr, -1)), "%s%s", want.Stderr, got.Stderr)
		}
		w.same(question{append([]string{"-Qoq"}, batch...), append([]string{"owns", "-q"}, batch...)})
	}
}

func testFiles(t *testing.T, w *comparison) {
	var packages []string
	for i, name := range names(w.installed()) {
		if i%18 == 0 {
			packages = append(packages, name)
		}
	}
	require.Greater(t, len(packages), 50)
	packages = append(packages, "sh", "nosuchpackage")
	w.same(
		question{append([]string{"-Ql"}, packages...), append([]string{"files"}, packages...)},
		question{append([]string{"-Qlq"}, packages...), append([]string{"files", "-q"}, packages...)},
	)
}

// testWhy checks each link of the chains that omg why prints, and the first and last package of each chain.
func testWhy(t *testing.T, w *comparison) {
	explicit := w.pacman("-Qeq").Lines()
	requires := map[string]string{} // pacman's list of the packages that require a package, by its name
	for block := range strings.SplitSeq(w.pacman("-Qi").Stdout, "\n\n") {
		name, requiredBy := "", ""
		for line := range strings.Lines(block) {
			if title, value, ok := strings.Cut(strings.TrimSpace(line), " : "); ok {
				switch strings.TrimSpace(title) {
				case "Name":
					name = value
				case "Required By":
					requiredBy = value
				}
			}
		}
		requires[name] = "  " + requiredBy + "  "
	}
	dependency := regexp.MustCompile(` \([^)]*\)`)
	orphans := w.pacman("-Qdttq").Lines()
	require.NotEmpty(t, orphans)
	for _, way := range w.ways {
		links := 0
		for _, name := range []string{"glibc", "cairo", "bash", "zlib", "openssl", "libx11"} {
			for _, line := range way.RunOK("why", name) {
				chain := strings.Split(strings.TrimSuffix(dependency.ReplaceAllString(line, ""), " [explicit]"), " -> ")
				require.Contains(t, explicit, chain[0], line)
				require.Equal(t, name, chain[len(chain)-1], line)
				for i := 1; i < len(chain); i++ {
					require.Contains(t, requires[chain[i]], "  "+chain[i-1]+"  ", line)
					links++
				}
			}
			far := way.RunOK("why", "-q", name)
			require.Contains(t, way.RunOK("why", "--reverse", "-q", far[len(far)-1]), name)
		}
		require.Greater(t, links, 100, way.Name)
		got := way.Omg("why", orphans[0])
		require.Equal(t, exit.NotFound, got.Code)
		require.Contains(t, got.Stderr, "needs "+orphans[0])
	}
}
