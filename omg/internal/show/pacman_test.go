package show

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // the tests also run pacman with the time zone UTC
	os.Exit(m.Run())
}

// oracle is a database directory that the real pacman reads.
type oracle struct {
	conf, db string
	// packages holds the packages of the repositories, in pacman's order.
	packages []wire.Package
}

func newOracle(t *testing.T, db string, repos ...string) *oracle {
	t.Helper()
	need.Program(t, "pacman")
	w := &oracle{conf: filepath.Join(t.TempDir(), "pacman.conf"), db: db}
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\n"
	local, err := pacmandb.ReadLocal(t.Context(), db)
	require.NoError(t, err)
	for _, repo := range repos {
		conf += "[" + repo + "]\nServer = file:///nowhere\n"
		first := len(w.packages)
		_, err := pacmandb.ReadSync(t.Context(), filepath.Join(db, "sync", repo+".db"), repo, func(p *wire.Package) error {
			q := *p
			for _, list := range []*[]string{
				&q.Groups, &q.Licenses, &q.Provides, &q.Depends, &q.OptDepends, &q.MakeDepends,
				&q.CheckDepends, &q.Conflicts, &q.Replaces, &q.Validation,
			} {
				*list = slices.Clone(*list)
			}
			if i := local.Find(q.Name); i != nil {
				q.InstalledVersion = i.Version
			}
			w.packages = append(w.packages, q)
			return nil
		}, nil)
		require.NoError(t, err)
		slices.SortFunc(w.packages[first:], func(a, b wire.Package) int { return strings.Compare(a.Name, b.Name) })
	}
	require.NoError(t, os.WriteFile(w.conf, []byte(conf), 0o644))
	return w
}

// corpusSystem returns a test system with the real packages.
func corpusSystem(t *testing.T) *oracle {
	w := newOracle(t, corpus.SharedDBPath(t), "core", "extra", "multilib")
	require.Greater(t, len(w.packages), 3000)
	return w
}

func (w *oracle) command(args ...string) *exec.Cmd {
	cmd := exec.Command("pacman", append([]string{"--config", w.conf, "-b", w.db}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	return cmd
}

// piped returns what pacman prints into a pipe. The parameter columns, if not empty, is the value of COLUMNS for
// pacman.
func (w *oracle) piped(t *testing.T, columns string, args ...string) string {
	t.Helper()
	cmd := w.command(args...)
	if columns != "" {
		cmd.Env = append(cmd.Env, "COLUMNS="+columns)
	}
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// terminal opens a pseudo-terminal with the given number of columns. Text that is written to tty can be read from
// screen.
func terminal(t *testing.T, columns int) (screen, tty *os.File) {
	t.Helper()
	need.Terminal(t)
	screen, tty, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { screen.Close(); tty.Close() })
	require.NoError(t, pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: uint16(columns)}))
	return screen, tty
}

// onTerminal returns what pacman prints with its default colours on a terminal with the given number of columns.
func (w *oracle) onTerminal(t *testing.T, columns int, args ...string) string {
	t.Helper()
	return w.onTerminalIn(t, columns, "auto", args...)
}

func (w *oracle) onTerminalIn(t *testing.T, columns int, color string, args ...string) string {
	t.Helper()
	screen, tty := terminal(t, columns)
	cmd := w.command(append([]string{"--color", color}, args...)...)
	cmd.Stdout = tty
	require.NoError(t, cmd.Start())
	require.NoError(t, tty.Close())
	out, _ := io.ReadAll(screen) // reading fails once the last writer has closed the terminal
	require.NoError(t, cmd.Wait())
	// Remove the escape sequences with which pacman hides and shows the cursor. omg prints no such sequences.
	return strings.NewReplacer("\r\n", "\n", "\x1b[?25l", "", "\x1b[?25h", "").Replace(string(out))
}

// omgPrints returns the output of the function show for all packages.
func (w *oracle) omgPrints(show func(*bufio.Writer, *wire.Package)) string {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	for i := range w.packages {
		show(out, &w.packages[i])
	}
	out.Flush()
	return b.String()
}

// requireSame compares the outputs of pacman and omg line by line, and shows the first difference.
func requireSame(t *testing.T, pacman, omg string) {
	t.Helper()
	want, got := strings.Split(pacman, "\n"), strings.Split(omg, "\n")
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			require.Equal(t, strings.Join(want[max(0, i-3):i+1], "\n"), strings.Join(got[max(0, i-3):i+1], "\n"), "line %d", i+1)
		}
	}
	require.Len(t, got, len(want))
}

// cleaned replaces unsafe characters in pacman's output, as omg does in its own output. Two package descriptions in the
// corpus contain such characters: bidi control characters.
func cleaned(out string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\x1b' && termtext.IsUnsafe(r) {
			return utf8.RuneError
		}
		return r
	}, out)
}

// withoutInstalled removes the line about the installed version, which pacman -Si does not print.
func withoutInstalled(info func(*bufio.Writer, *wire.Package)) func(*bufio.Writer, *wire.Package) {
	return func(w *bufio.Writer, p *wire.Package) {
		q := *p
		q.InstalledVersion = ""
		info(w, &q)
	}
}

func TestPacman_Corpus(t *testing.T) {
	w := corpusSystem(t)
	t.Run("info piped", func(t *testing.T) {
		requireSame(t, cleaned(w.piped(t, "", "-Si")), w.omgPrints(withoutInstalled(Style{}.PrintInfo)))
	})
	t.Run("search piped", func(t *testing.T) {
		requireSame(t, cleaned(w.piped(t, "", "-Ss")), w.omgPrints(Style{}.PrintSearchResult))
	})
	t.Setenv("COLUMNS", "")
	t.Setenv("NO_COLOR", "")
	for _, on := range []struct {
		columns int
		color   string
	}{{20, "auto"}, {40, "auto"}, {80, "auto"}, {80, "never"}, {132, "auto"}} {
		_, tty := terminal(t, on.columns)
		s, err := NewStyle(on.color, tty)
		require.NoError(t, err)
		require.Equal(t, Style{Color: on.color == "auto", Width: on.columns}, s)
		t.Run(fmt.Sprintf("info on a terminal of %d, colour %s", on.columns, on.color), func(t *testing.T) {
			requireSame(t, cleaned(w.onTerminalIn(t, on.columns, on.color, "-Si")), w.omgPrints(withoutInstalled(s.PrintInfo)))
		})
		t.Run(fmt.Sprintf("search on a terminal of %d, colour %s", on.columns, on.color), func(t *testing.T) {
			requireSame(t, cleaned(w.onTerminalIn(t, on.columns, on.color, "-Ss")), w.omgPrints(s.PrintSearchResult))
		})
	}
}

// oddTexts holds pieces of text that are hard to wrap.
var oddTexts = []string{
	"", " ", "  ", "a", "bc", "word", "hyphen-ated", "longer-than-most-lines-of-a-narrow-terminal",
	"日本語", "日本 語", "ﾊﾝｶｸ", "Ｆｕｌｌ", "한국어", "\u1112\u1161\u11ab", "e\u0301", "soft\u00adhyphen", "no\u00a0break",
	"–", "…", "“q”", "🦊", "👩\u200d🚀", "\u0600123", "☃", "䷀", "㉈", "\ufffd", "ñandú", "🇩🇪", "x\u200by", "\u2060",
}

func oddText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(oddTexts[r.IntN(len(oddTexts))])
		if r.IntN(3) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// oddDesc returns the content of a desc file that describes an unusual but valid package.
func oddDesc(r *rand.Rand, name, version string) string {
	var b strings.Builder
	field := func(key string, values ...string) {
		if values = slices.DeleteFunc(values, func(s string) bool { return s == "" }); len(values) > 0 {
			fmt.Fprintf(&b, "%%%s%%\n%s\n\n", key, strings.Join(values, "\n"))
		}
	}
	several := func(of func() string) []string {
		var list []string
		for range r.IntN(8) * r.IntN(2) {
			list = append(list, of())
		}
		return list
	}
	text := func() string { return oddText(r) }
	relation := func() string {
		s := fmt.Sprintf("lib%0*d", 1+r.IntN(25), r.IntN(9))
		return s + []string{"", "=1", ">=2:1.0-1", "<3", ">4", "<=5", ".so=1-64"}[r.IntN(7)]
	}
	number := func() string {
		edges := []uint64{0, 1, 1023, 1024, 2047, 2048, 2049, 1e6, 2 << 20, 2<<20 + 1, 2 << 30, 2<<30 + 1, 5 << 40, 3 << 50, 1 << 60}
		n := edges[r.IntN(len(edges))]
		if r.IntN(2) == 0 {
			n = r.Uint64N(1 << (1 + r.IntN(62)))
		}
		return fmt.Sprint(n)
	}
	maybe := func(s string) string { return []string{"", s, s, s}[r.IntN(4)] }
	field("FILENAME", name+".pkg.tar.zst")
	field("NAME", name)
	field("VERSION", version)
	field("DESC", text())
	field("GROUPS", several(relation)...)
	field("CSIZE", number())
	field("ISIZE", number())
	field("MD5SUM", maybe("00000000000000000000000000000000"))
	field("SHA256SUM", maybe(strings.Repeat("0", 64)))
	field("PGPSIG", maybe("AAAA"))
	field("URL", maybe("https://example.org/"+strings.Repeat("x", r.IntN(80))))
	field("LICENSE", several(text)...)
	field("ARCH", maybe("x86_64"))
	field("BUILDDATE", maybe(fmt.Sprint(r.Uint32())))
	field("PACKAGER", text())
	field("REPLACES", several(relation)...)
	field("CONFLICTS", several(relation)...)
	field("PROVIDES", several(relation)...)
	field("DEPENDS", several(relation)...)
	field("OPTDEPENDS", several(func() string { return relation() + maybe(": for "+text()) })...)
	return b.String()
}

// oddSystem returns a test system with generated unusual packages. The generated packages are always the same.
func oddSystem(t *testing.T) *oracle {
	t.Helper()
	db := t.TempDir()
	for _, dir := range []string{"local", "sync"} {
		require.NoError(t, os.Mkdir(filepath.Join(db, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(db, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		name, version := fmt.Sprintf("odd%d", i), fmt.Sprintf("%d-1", i)
		desc := oddDesc(r, name, version)
		require.NoError(t, tw.WriteHeader(&tar.Header{Name: name + "-" + version + "/desc", Mode: 0o644, Size: int64(len(desc))}))
		_, err := io.WriteString(tw, desc)
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	require.NoError(t, zw.Close())
	require.NoError(t, os.WriteFile(filepath.Join(db, "sync", "odd.db"), b.Bytes(), 0o644))
	w := newOracle(t, db, "odd")
	require.Len(t, w.packages, 400)
	return w
}

func TestPacman_OddPackages(t *testing.T) {
	w := oddSystem(t)
	for _, columns := range []string{"", "0", "1", "3", "4", "5", "9", "17", "18", "19", "20", "25", "33", "50", "79", "80", "400", "65535"} {
		t.Setenv("COLUMNS", columns)
		s, err := NewStyle("always", nil)
		require.NoError(t, err)
		t.Run("info "+columns, func(t *testing.T) {
			requireSame(t, w.piped(t, columns, "--color", "always", "-Si"), w.omgPrints(withoutInstalled(s.PrintInfo)))
		})
		t.Run("search "+columns, func(t *testing.T) {
			requireSame(t, w.piped(t, columns, "--color", "always", "-Ss"), w.omgPrints(s.PrintSearchResult))
		})
	}
}
