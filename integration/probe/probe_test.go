package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/statusfile"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "6") }

// newHome returns a system without databases. In its home directory, nvm has installed two versions of node, and two
// directories have a version file for node.
func newHome(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithoutDatabases(), harness.WithPrivateHome())
	harness.WriteFile(t, s.Path(".nvm/versions/node/v20.1.0/bin/node"), "")
	harness.WriteFile(t, s.Path(".nvm/versions/node/v18.2.0/bin/node"), "")
	harness.WriteFile(t, s.Path("twenty/.node-version"), "20.1.0\n")
	harness.WriteFile(t, s.Path("eighteen/.nvmrc"), "v18\n")
	return s
}

// writeUpdates writes a status file as omgd does after a refresh.
func writeUpdates(s *harness.System, n int) {
	s.T.Helper()
	require.NoError(s.T, statusfile.Write(s.Path("omg.status"), statusfile.Status{
		Updates: statusfile.NewNumber(n), RefreshedAt: time.Now(), Interval: time.Hour,
	}))
}

// probe runs omg-probe without a deadline.
func probe(s *harness.System, args ...string) harness.Result {
	s.T.Helper()
	return s.Run("omg-probe", append([]string{"--deadline", "0", "--dbpath", s.DB}, args...)...)
}

// hostile lists versions that would run a command or draw something if they were printed unchanged.
var hostile = []string{
	"$(touch x)", "`touch x`", "%{A1:touch x:}", "#[fg=red]", "#(touch x)", "<span>", "\x1b[31mred\x1b]0;owned\x07", "'; touch x; '",
	`\$(touch x)`, "%F{red}", "$PATH", "!!", "\u202e1", "(touch x)", "1.0;touch x",
}

// declare writes a version file. If version begins with #, it writes mise.toml instead: in other version files, #
// begins a comment.
func declare(t *testing.T, path, version string) {
	t.Helper()
	text := version + "\n"
	if filepath.Base(path) == "mise.toml" || version[0] == '#' {
		quoted, err := json.Marshal(version)
		require.NoError(t, err)
		path, text = filepath.Join(filepath.Dir(path), "mise.toml"), "[tools]\nnode = "+string(quoted)+"\n"
	}
	harness.WriteFile(t, path, text)
}

var safe = regexp.MustCompile(`^[ -~\n]*$`)

func TestFormat_HostileVersion(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	for _, file := range []string{".nvmrc", "mise.toml"} {
		for _, version := range hostile {
			declare(t, s.Path("p", file), version)
			for _, format := range []string{"plain", "json", "starship", "waybar", "polybar", "i3blocks", "tmux", "{{.node}}"} {
				r := probe(s, "-C", s.Path("p"), "-f", format, "node")
				require.Zero(t, r.Code, r.Stderr)
				require.Regexp(t, safe, r.Stdout)
				require.Contains(t, r.Stdout, "?", "%q as %s", version, format)
				values := strings.ReplaceAll(r.Stdout, `"declared":`, "")
				for _, bad := range []string{"touch", "$", "`", "%", "#", "<", "red", "!!"} {
					require.NotContains(t, values, bad, "%q as %s", version, format)
				}
			}
			r := probe(s, "-C", s.Path("p"), "--why", "node")
			require.Zero(t, r.Code, r.Stderr)
			require.Regexp(t, safe, r.Stdout, "%q", version)
		}
		require.NoError(t, os.RemoveAll(s.Path("p")))
	}
	require.NoFileExists(t, "x")
}

// TestVersionFile_SomethingElse replaces version files by files that would block a program that reads them, or fill its
// memory.
func TestVersionFile_SomethingElse(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, path string){
		"FIFO":      func(t *testing.T, path string) { require.NoError(t, unix.Mkfifo(path, 0o644)) },
		"directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) },
		"1 GiB": func(t *testing.T, path string) {
			harness.WriteFile(t, path, "20.1.0\n")
			require.NoError(t, os.Truncate(path, 1<<30))
		},
		"symlink loop":        func(t *testing.T, path string) { require.NoError(t, os.Symlink(path, path)) },
		"symlink to zeros":    func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
		"symlink to terminal": func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/tty", path)) },
		"device": func(t *testing.T, path string) {
			need.DeviceCreation(t)
			require.NoError(t, unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
		},
		"nothing in it": func(t *testing.T, path string) { harness.WriteFile(t, path, "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newHome(t)
			below := s.Path("twenty", "below")
			require.NoError(t, os.Mkdir(below, 0o755))
			for _, file := range []string{"mise.toml", ".node-version", "package.json"} {
				prepare(t, filepath.Join(below, file))
			}
			r := probe(s, "-C", below, "node")
			require.Zero(t, r.Code, r.Stderr)
			require.Equal(t, "node 20.1.0\n", r.Stdout, "the directory above decides")
			r = probe(s, "-C", below, "--why", "node")
			if name != "nothing in it" {
				require.Contains(t, r.Stdout, "mise.toml: ")
				require.Contains(t, r.Stdout, "skipped")
			}
		})
	}
}

func TestVersionFile_Unreadable(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	require.NoError(t, os.Chmod(s.Path("twenty/.node-version"), 0))
	reader := s
	if os.Getuid() == 0 { // root reads everything
		reader = s.AsUser(65534)
		require.NoError(t, os.Chmod(s.Home, 0o755))
	}
	r := probe(reader, "-C", s.Path("twenty"), "--why", "node")
	require.Contains(t, r.Stdout, "skipped")
	require.Contains(t, r.Stdout, "permission denied")
}
