package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/statusfile"
)

func TestMain(m *testing.M) { programs.Main(m) }

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// home is a home directory with two versions of node by nvm, two directories
// that declare one each, and the runtime directory of a daemon.
func home(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	put(t, dir+"/.nvm/versions/node/v20.1.0/bin/node", "")
	put(t, dir+"/.nvm/versions/node/v18.2.0/bin/node", "")
	put(t, dir+"/twenty/.node-version", "20.1.0\n")
	put(t, dir+"/eighteen/.nvmrc", "v18\n")
	return dir
}

// updates writes a status file as omgd does after a refresh.
func updates(t *testing.T, home string, n int) {
	t.Helper()
	require.NoError(t, statusfile.Write(home+"/omg.status", statusfile.Status{
		Updates: statusfile.Count(n), At: time.Now(), Interval: time.Hour,
	}))
}

func probe(t *testing.T, home string, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, programs.Env(home), "omg-probe", append([]string{"--deadline", "0"}, args...)...)
}

// hostile are versions that would run or draw something if they were shown.
var hostile = []string{
	"$(touch x)", "`touch x`", "%{A1:touch x:}", "#[fg=red]", "#(touch x)", "<span>", "\x1b[31mred\x1b]0;owned\x07", "'; touch x; '",
	`\$(touch x)`, "%F{red}", "$PATH", "!!", "\u202e1", "(touch x)", "1.0;touch x",
}

// declare writes a version file. In one of a line, # begins a comment.
func declare(t *testing.T, path, version string) {
	t.Helper()
	text := version + "\n"
	if filepath.Base(path) == "mise.toml" || version[0] == '#' {
		quoted, err := json.Marshal(version)
		require.NoError(t, err)
		path, text = filepath.Join(filepath.Dir(path), "mise.toml"), "[tools]\nnode = "+string(quoted)+"\n"
	}
	put(t, path, text)
}

var safe = regexp.MustCompile(`^[ -~\n]*$`)

func TestHostileVersionsAreShownByNoFormat(t *testing.T) {
	dir := home(t)
	for _, file := range []string{".nvmrc", "mise.toml"} {
		for _, version := range hostile {
			declare(t, dir+"/p/"+file, version)
			for _, format := range []string{"plain", "json", "starship", "waybar", "polybar", "i3blocks", "tmux", "{{.node}}"} {
				r := probe(t, dir, "-C", dir+"/p", "-f", format, "node")
				require.Zero(t, r.Code, r.Stderr)
				require.Regexp(t, safe, r.Stdout)
				require.Contains(t, r.Stdout, "?", "%q as %s", version, format)
				for _, bad := range []string{"touch", "$", "`", "%", "#", "<", "red", "!!"} {
					require.NotContains(t, r.Stdout, bad, "%q as %s", version, format)
				}
			}
			r := probe(t, dir, "-C", dir+"/p", "--why", "node")
			require.Zero(t, r.Code, r.Stderr)
			require.Regexp(t, safe, r.Stdout, "%q", version)
		}
		require.NoError(t, os.RemoveAll(dir+"/p"))
	}
	require.NoFileExists(t, "x")
}

// TestWhatIsNoVersionFile puts things in place of version files that would hold
// up or fill a reader.
func TestWhatIsNoVersionFile(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, path string){
		"FIFO":      func(t *testing.T, path string) { require.NoError(t, unix.Mkfifo(path, 0o644)) },
		"directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) },
		"1 GiB": func(t *testing.T, path string) {
			put(t, path, "20.1.0\n")
			require.NoError(t, os.Truncate(path, 1<<30))
		},
		"symlink loop":        func(t *testing.T, path string) { require.NoError(t, os.Symlink(path, path)) },
		"symlink to zeros":    func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
		"symlink to terminal": func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/tty", path)) },
		"device": func(t *testing.T, path string) {
			if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
				t.Skip("only root makes devices: ", err)
			}
		},
		"nothing in it": func(t *testing.T, path string) { put(t, path, "") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := home(t)
			below := dir + "/twenty/below"
			require.NoError(t, os.Mkdir(below, 0o755))
			for _, file := range []string{"mise.toml", ".node-version", "package.json"} {
				prepare(t, filepath.Join(below, file))
			}
			r := probe(t, dir, "-C", below, "node")
			require.Zero(t, r.Code, r.Stderr)
			require.Equal(t, "node 20.1.0\n", r.Stdout, "the directory above decides")
			r = probe(t, dir, "-C", below, "--why", "node")
			if name != "nothing in it" {
				require.Contains(t, r.Stdout, "mise.toml: ")
				require.Contains(t, r.Stdout, "skipped")
			}
		})
	}
}

func TestAnUnreadableFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := home(t)
	require.NoError(t, os.Chmod(dir+"/twenty/.node-version", 0))
	r := probe(t, dir, "-C", dir+"/twenty", "--why", "node")
	require.Contains(t, r.Stdout, "skipped")
	require.Contains(t, r.Stdout, "permission denied")
}

// TestTheDeadline gives omg-probe no time at all, and the files none to answer in.
func TestTheDeadline(t *testing.T) {
	dir := home(t)
	r := programs.Run(t, programs.Env(dir), "omg-probe", "--deadline", "1ns", "-C", dir+"/twenty", "--status", "all")
	require.Zero(t, r.Code)
	require.Empty(t, r.Stderr)
	require.Regexp(t, `^(node 20\.1\.0)?.*\n?$`, r.Stdout)
}

func TestAPipeThatIsClosed(t *testing.T) {
	sh := `"$0" --deadline 0 --status >/dev/full; echo $?`
	r := programs.Exec(t, programs.Env(home(t)), "/bin/sh", "-c", sh, filepath.Join(programs.Dir(t), "omg-probe"))
	require.Equal(t, "3\n", r.Stdout)
	require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}
