package pacman

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// world is a database directory with a pacman.conf, and pacman to ask about it.
type world struct {
	home, db, conf string
	packages       []wire.Package
}

// newWorld unpacks the corpus.
func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("pacman"); err != nil {
		t.Skip("pacman is not installed: make deps")
	}
	w := &world{db: corpus.DB(t), home: t.TempDir()}
	w.conf = filepath.Join(w.home, "pacman.conf")
	require.NoError(t, os.WriteFile(w.conf, []byte(`[options]
Architecture = x86_64
SigLevel = Never
[core]
Server = file:///nowhere
[extra]
Server = file:///nowhere
[multilib]
Server = file:///nowhere
`), 0o644))
	for _, repo := range []string{"core", "extra", "multilib"} {
		_, err := pacmandb.ReadSync(t.Context(), filepath.Join(w.db, "sync", repo+".db"), repo, func(p *wire.Package) error {
			q := *p
			q.Provides, q.Groups = slices.Clone(p.Provides), slices.Clone(p.Groups)
			w.packages = append(w.packages, q)
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, len(w.packages), 3000)
	return w
}

func (w *world) pacman(t *testing.T, args ...string) programs.Result {
	t.Helper()
	return programs.Exec(t, programs.Env(w.home), "pacman", append([]string{"--config", w.conf, "-b", w.db, "--color", "never"}, args...)...)
}

// way is one way in which omg comes to an answer.
type way struct {
	name string
	args []string
	env  []string
}

// ways sets up all three: through the daemon, from an index, from the databases.
func (w *world) ways(t *testing.T) []way {
	t.Helper()
	env := programs.Env(w.home)
	config := []string{"--dbpath", w.db, "--pacman-config", w.conf}
	data := t.TempDir()
	index := filepath.Join(data, "repos.omgidx")
	built := programs.Run(t, env, "omg-index", append([]string{"build", "-o", index}, config...)...)
	require.Zero(t, built.Code, built.Stderr)
	d := programs.Start(t, env, append([]string{"--data-dir", data}, config...)...)
	require.Eventually(t, func() bool {
		asked := programs.Run(t, env, "omg", "--socket", d.Socket, "status", "--format", "{{.counts.installed}}")
		return asked.Code == 0 && asked.Stderr == "" && asked.Stdout != "\n"
	}, 20*time.Second, 20*time.Millisecond, "omgd does not get ready")
	return []way{
		{"daemon", []string{"--socket", d.Socket}, env},
		{"index", append([]string{"--no-daemon", "--index", index}, config...), env},
		{"databases", append([]string{"--no-daemon", "--data-dir", t.TempDir()}, config...), env},
	}
}

func (y way) omg(t *testing.T, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, y.env, "omg", append(slices.Clone(y.args), args...)...)
}

// TestSearchEqualsPacman compares the sets of names. An expression that pacman
// refuses, omg refuses.
func TestSearchEqualsPacman(t *testing.T) {
	w := newWorld(t)
	ways, all := w.ways(t), queries(t, w.packages)
	const parts = 4 // at the same time, for pacman takes long
	for part := range parts {
		t.Run(fmt.Sprintf("part %d", part), func(t *testing.T) {
			t.Parallel()
			for i := part; i < len(all); i += parts {
				want := w.pacman(t, append([]string{"-Ssq"}, all[i].pacman...)...)
				for j, y := range ways {
					if j < 2 || i%10 == 0 { // reading the databases takes a tenth of a second; the code is the index's
						compareSearch(t, y, all[i], want)
					}
				}
			}
		})
	}
}

// compareSearch compares what one way finds with what pacman found.
func compareSearch(t *testing.T, y way, q query, want programs.Result) {
	t.Helper()
	got := y.omg(t, append([]string{"search", "-q", "--limit", "0"}, q.omg...)...)
	what := fmt.Sprintf("%s: omg search %q, pacman -Ssq %q\n%s%s", y.name, q.omg, q.pacman, got.Stderr, want.Stderr)
	missing, surplus := difference(want.Lines(), got.Lines())
	require.Empty(t, missing, "pacman finds them, omg does not: "+what)
	require.Empty(t, surplus, "omg finds them, pacman does not: "+what)
	switch {
	case strings.Contains(want.Stderr, "regular expression"):
		require.Equal(t, 2, got.Code, what)
	case len(want.Lines()) == 0:
		require.Equal(t, 1, got.Code, what)
	default:
		require.Zero(t, got.Code, what)
	}
}

// difference returns what only one of two lists has.
func difference(a, b []string) (onlyA, onlyB []string) {
	only := func(a, b []string) []string {
		there := make(map[string]bool, len(b))
		for _, s := range b {
			there[s] = true
		}
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return there[s] })
	}
	return only(a, b), only(b, a)
}

// TestInfoEqualsPacman compares every package, line for line.
func TestInfoEqualsPacman(t *testing.T) {
	w := newWorld(t)
	var names []string
	for _, p := range w.packages {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, y := range w.ways(t) {
		for batch := range slices.Chunk(names, 500) {
			want := w.pacman(t, append([]string{"-Si"}, batch...)...)
			require.Zero(t, want.Code, want.Stderr)
			got := y.omg(t, append([]string{"info"}, batch...)...)
			require.Zero(t, got.Code, got.Stderr)
			requireSameLines(t, want.Stdout, installedLine.ReplaceAllString(got.Stdout, ""), y.name)
		}
	}
}

// installedLine is what omg adds behind pacman's fields.
var installedLine = regexp.MustCompile(`(?m)^Installed       : .*\n`)

// requireSameLines compares what pacman printed with what omg printed, and shows
// the first line that differs. The one difference that is kept: omg replaces
// marks that steer bidirectional text, as two descriptions of the corpus have.
func requireSameLines(t *testing.T, pacman, omg, what string) {
	t.Helper()
	want, got := strings.Split(pacman, "\n"), strings.Split(omg, "\n")
	for i := range min(len(want), len(got)) {
		require.Equal(t, termtext.Clean(want[i]), got[i], "%s, line %d", what, i)
	}
	require.Len(t, got, len(want), what)
}
