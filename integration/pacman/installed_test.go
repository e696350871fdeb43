package pacman

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
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
	for _, y := range w.ways(t) {
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

// sameFiles demands that the packages have the files that pacman -Ql lists. Unlike
// pacman, omg says which lists it could not read: lacking says that there are such.
func (y way) sameFiles(t *testing.T, w *world, packages []string, lacking bool) {
	t.Helper()
	got := y.omg(t, append([]string{"files"}, packages...)...)
	requireSameLines(t, w.pacman(t, append([]string{"-Ql"}, packages...)...).Stdout, got.Stdout, y.name)
	require.Equal(t, lacking, got.Code == 3, got.Stderr)
	require.Equal(t, lacking, strings.Contains(got.Stderr, "no file list of "), got.Stderr)
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
	for _, y := range w.ways(t) {
		y.same(t, w.pacman(t, append([]string{"-Ql"}, packages...)...), append([]string{"files"}, packages...)...)
		y.same(t, w.pacman(t, append([]string{"-Qlq"}, packages...)...), append([]string{"files", "-q"}, packages...)...)
	}
}

// TestGeneratedAndDamaged compares on generated databases and on ones with the
// faults that a local database comes to have.
func TestGeneratedAndDamaged(t *testing.T) {
	desc := func(name, version, more string) string {
		return "%NAME%\n" + name + "\n\n%VERSION%\n" + version + "\n\n" + more
	}
	for name, prepare := range map[string]func(t *testing.T, local string){
		"as it is": func(*testing.T, string) {},
		"faults": func(t *testing.T, local string) {
			for path, text := range map[string]string{
				"nodesc-1-1/files":    "%FILES%\nusr/\n",
				"empty-1-1/desc":      "",
				"cut-1-1/desc":        "%NAME%\ncut\n\n%VERS",
				"noreason-2:1-1/desc": desc("noreason", "2:1-1", "%DEPENDS%\nvirtual>=2\n\n"),
				"provider-1-1/desc":   desc("provider", "1-1", "%REASON%\n1\n\n%PROVIDES%\nvirtual=2.5\n\n"),
				"provider2-1-1/desc":  desc("provider2", "1-1", "%REASON%\n1\n\n%PROVIDES%\nvirtual=1\n\n"),
				"optional-1-1/desc":   desc("optional", "1-1", "%REASON%\n1\n\n"),
				"wants-1-1/desc":      desc("wants", "1-1", "%OPTDEPENDS%\noptional: for fun\nnothere: never\n\n%VALIDATION%\nnone\n\n"),
				"oddreason-1-1/desc":  desc("oddreason", "1-1", "%REASON%\n7\n\n"),
				"script-1-1/desc":     desc("script", "1-1", ""),
				"script-1-1/install":  "post_install() { :; }\n",
				"stray/x":             "",
				"strayfile":           "",
				"other-1-1/desc":      desc("another", "1-1", ""),
				"strange-1-1/desc":    desc("strange", "1-1", "%GROUPS%\nodd group\n\n%NEW%\nwhat pacman will have\n\n"),
			} {
				require.NoError(t, os.MkdirAll(filepath.Join(local, filepath.Dir(path)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(local, path), []byte(text), 0o644))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{db: t.TempDir(), home: t.TempDir()}
			w.conf = filepath.Join(w.home, "pacman.conf")
			require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 1500, Installed: 400, Duplicates: 60, Seed: 11}))
			require.NoError(t, os.WriteFile(w.conf, []byte(fixture.Config), 0o644))
			prepare(t, filepath.Join(w.db, "local"))
			all := w.pacman(t, "-Qq").Lines()
			require.GreaterOrEqual(t, len(all), 400)
			for _, y := range w.ways(t) {
				for _, q := range []struct{ pacman, omg []string }{
					{[]string{"-Q"}, []string{"installed"}},
					{[]string{"-Qu"}, []string{"outdated"}},
					{[]string{"-Qm"}, []string{"foreign"}},
					{[]string{"-Qe"}, []string{"explicit"}},
					{[]string{"-Qeq"}, []string{"explicit", "-q"}},
					{[]string{"-Qd"}, []string{"installed", "--deps"}},
					{[]string{"-Qdt"}, []string{"orphans"}},
					{[]string{"-Qdtt"}, []string{"orphans", "--required"}},
					{[]string{"-Qi"}, []string{"info", "-i"}},
					{[]string{"-Qs", "lib"}, []string{"installed", "lib"}},
					{[]string{"-Qs", "."}, []string{"installed", "-x", "."}},
				} {
					y.same(t, w.pacman(t, q.pacman...), q.omg...)
				}
				y.sameFiles(t, w, all, name != "as it is")
			}
		})
	}
}

// TestWrongLocalVersion: no list is better than a wrong one. A daemon that read the
// database before goes on with what it read, and says so.
func TestWrongLocalVersion(t *testing.T) {
	w := newWorld(t)
	files := way{"databases", []string{"--no-daemon", "--data-dir", t.TempDir(), "--dbpath", w.db, "--pacman-config", w.conf}, programs.Env(w.home)}
	version := filepath.Join(w.db, "local", "ALPM_DB_VERSION")
	refused := func(y way, commands ...string) {
		t.Helper()
		for _, command := range commands {
			got := y.omg(t, strings.Fields(command)...)
			require.Equal(t, 3, got.Code, "%s: %s", y.name, command)
			require.Empty(t, got.Stdout, command)
			require.Contains(t, got.Stderr, "local database", command)
		}
	}
	lists := []string{"installed", "explicit", "orphans", "foreign", "outdated", "info -i bash"}
	fromFiles := []string{"owns /usr/bin/bash", "files bash", "why bash"}

	running := w.ways(t)[0]
	before := running.omg(t, "explicit", "-q").Stdout
	require.NotEmpty(t, before)
	for _, text := range []string{"8\n", "99\n", "abc\n", "", "missing"} {
		require.NoError(t, os.RemoveAll(version))
		if text != "missing" {
			require.NoError(t, os.WriteFile(version, []byte(text), 0o644))
		}
		require.NotZero(t, w.pacman(t, "-Q").Code)
		started := way{"a new daemon", []string{"--socket", programs.Start(t, files.env, "--data-dir", t.TempDir(), "--dbpath", w.db, "--pacman-config", w.conf).Socket}, files.env}
		require.Eventually(t, func() bool {
			return strings.Contains(started.omg(t, "status").Stdout, "local database")
		}, 20*time.Second, 20*time.Millisecond)
		for _, y := range []way{files, started} {
			if text == "missing" {
				refused(y, append(lists, fromFiles...)...)
			} else {
				refused(y, "explicit", "files bash")
			}
			got := y.omg(t, "status")
			require.Zero(t, got.Code)
			require.Contains(t, got.Stdout, "State           : stale", y.name)
			require.Contains(t, got.Stdout, "Installed       : unknown\n", y.name)
			require.Equal(t, 0, y.omg(t, "search", "-q", "bash").Code)
		}
		require.Eventually(t, func() bool {
			got := running.omg(t, "status").Stdout
			return strings.Contains(got, "State           : stale") && strings.Contains(got, "local database")
		}, 20*time.Second, 20*time.Millisecond)
		require.NotContains(t, running.omg(t, "status").Stdout, "Installed       : unknown")
		require.Equal(t, before, running.omg(t, "explicit", "-q").Stdout)
		if text != "missing" {
			continue
		}
		for _, command := range append(lists, "explicit -q", "explicit --count", "installed --json") {
			require.Contains(t, running.omg(t, strings.Fields(command)...).Stderr, "what is installed could not be checked since", command)
		}
		refused(running, fromFiles...)
	}
	since := running.omg(t, "status", "--format", "{{.at}}").Stdout
	time.Sleep(time.Second) // a refresh that reads nothing makes nothing newer
	refreshed := running.omg(t, "refresh")
	require.Equal(t, 3, refreshed.Code, refreshed.Stderr)
	require.Contains(t, refreshed.Stderr, "local database")
	require.Equal(t, since, running.omg(t, "status", "--format", "{{.at}}").Stdout)
	require.NoError(t, os.WriteFile(version, []byte("9\n"), 0o644))
	require.Eventually(t, func() bool {
		return !strings.Contains(running.omg(t, "status").Stdout, "local database")
	}, 20*time.Second, 20*time.Millisecond)
	running.same(t, w.pacman(t, "-Qe"), "explicit")
}

// TestDamagedRepository: no list of updates is shorter because a database cannot
// be read; what concerns no repository goes on. A daemon that read it before keeps
// its numbers, and calls them stale.
func TestDamagedRepository(t *testing.T) {
	w := newWorld(t)
	daemon := w.ways(t)[0]
	var before []programs.Result
	kept := []string{"outdated", "foreign", "explicit -q", "orphans", "status --format {{.counts.updates}},{{.counts.foreign}}"}
	for _, command := range kept {
		got := daemon.omg(t, strings.Fields(command)...)
		require.Zero(t, got.Code, command)
		before = append(before, got)
	}
	require.NoError(t, os.Truncate(filepath.Join(w.db, "sync", "extra.db"), 100_000))
	require.Eventually(t, func() bool {
		return daemon.omg(t, "status", "--format", `{{range .sources}}{{if eq .name "extra"}}{{.state}}{{end}}{{end}}`).Stdout == "stale\n"
	}, 20*time.Second, 20*time.Millisecond, "status does not name it")
	require.Contains(t, daemon.omg(t, "status").Stdout, "extra.db")
	for i, command := range kept {
		require.Equal(t, before[i].Stdout, daemon.omg(t, strings.Fields(command)...).Stdout, command)
	}
	require.Contains(t, daemon.omg(t, "outdated").Stderr, "extra", "the list itself says so")

	y := way{"databases", []string{"--no-daemon", "--data-dir", t.TempDir(), "--dbpath", w.db, "--pacman-config", w.conf}, programs.Env(w.home)}
	for _, command := range []string{"outdated", "foreign"} {
		got := y.omg(t, command)
		require.Equal(t, 3, got.Code, command)
		require.Empty(t, got.Stdout, command)
		require.Contains(t, got.Stderr, "extra.db", command)
	}
	y.same(t, w.pacman(t, "-Qe"), "explicit")
	y.same(t, w.pacman(t, "-Qdt"), "orphans")
	y.same(t, w.pacman(t, "-Qi", "bash"), "info", "-i", "bash")
}

// TestWhy checks each chain link by link, and its ends.
func TestWhy(t *testing.T) {
	w := newWorld(t)
	explicit := w.pacman(t, "-Qeq").Lines()
	requires := map[string]string{} // of each package, pacman's own line
	for block := range strings.SplitSeq(w.pacman(t, "-Qi").Stdout, "\n\n") {
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
	orphans := w.pacman(t, "-Qdttq").Lines()
	require.NotEmpty(t, orphans)
	for _, y := range w.ways(t) {
		links := 0
		for _, name := range []string{"glibc", "cairo", "bash", "zlib", "openssl", "libx11"} {
			got := y.omg(t, "why", name)
			require.Zero(t, got.Code, got.Stderr)
			for _, line := range got.Lines() {
				chain := strings.Split(strings.TrimSuffix(dependency.ReplaceAllString(line, ""), " [explicit]"), " -> ")
				require.Contains(t, explicit, chain[0], line)
				require.Equal(t, name, chain[len(chain)-1], line)
				for i := 1; i < len(chain); i++ {
					require.Contains(t, requires[chain[i]], "  "+chain[i-1]+"  ", line)
					links++
				}
			}
			far := y.omg(t, "why", "-q", name).Lines()
			require.Contains(t, y.omg(t, "why", "--reverse", "-q", far[len(far)-1]).Lines(), name)
		}
		require.Greater(t, links, 100, y.name)
		got := y.omg(t, "why", orphans[0])
		require.Equal(t, 1, got.Code)
		require.Contains(t, got.Stderr, "needs "+orphans[0])
	}
}
