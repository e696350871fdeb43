package archtest

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/wire"
)

// TestDemo_BuildsFirst checks that `make demo` builds the programs before it runs the script. All other tests start
// with programs that are built.
func TestDemo_BuildsFirst(t *testing.T) {
	s := harness.New(t, harness.WithoutDatabases())
	s.WorkDir = root(t)
	r := s.Run(need.Program(t, "make"), "--dry-run", "demo")
	require.Zero(t, r.Code, r.Stderr)
	require.Regexp(t, `(?s)go build .* \./omgd .*\nscripts/demo\.sh\n$`, r.Stdout)
}

// runDemo runs the script of make demo as an ordinary shell would, and returns its output.
func runDemo(t *testing.T, s *harness.System) string {
	t.Helper()
	s.WorkDir = root(t)
	// The command `go run` needs the caches of the user who runs the test, and may read the machine's configuration.
	s.Env = append(os.Environ(), "OMG_BIN="+s.Bin, "TMPDIR="+s.Home, "LC_ALL=C.UTF-8")
	before, err := os.ReadDir(s.Home)
	require.NoError(t, err)
	r := s.Run(filepath.Join(s.WorkDir, "scripts", "demo.sh"))
	require.Zero(t, r.Code, "%s%s", r.Stdout, r.Stderr)
	for _, want := range []string{"$ omg-index build ", "$ omgd --foreground ", "$ omg search ", "$ omg info ", "\nName ", "demo: done"} {
		require.Contains(t, r.Stdout, want)
	}
	after, err := os.ReadDir(s.Home)
	require.NoError(t, err)
	require.Len(t, after, len(before), "the demo leaves something")
	return r.Stdout
}

// TestDemo_NoPacman checks that the demo shows generated databases on a machine without pacman's.
func TestDemo_NoPacman(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	s := harness.New(t, harness.WithoutDatabases())
	if _, err := os.Stat("/etc/pacman.conf"); err == nil {
		harness.WriteFile(t, s.PacmanConf, "[options]\n")
		require.NoError(t, syscall.Mount(s.PacmanConf, "/etc/pacman.conf", "", syscall.MS_BIND, ""))
	}
	if _, err := os.Stat("/var/lib/pacman"); err == nil {
		require.NoError(t, syscall.Mount(s.DB, "/var/lib/pacman", "", syscall.MS_BIND, ""))
	}
	out := runDemo(t, s)
	require.Contains(t, out, "generated ones of 500 packages")
	require.Contains(t, out, "/index: 500 packages, ")
	require.Contains(t, out, "/index/core.omgidx: 40 packages, ok\n")
}

// TestDemo_OwnPacman checks that `make demo` shows the machine's own databases if the machine has some.
func TestDemo_OwnPacman(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	s := harness.New(t)
	s.MountOverMachine()
	out := runDemo(t, s)
	require.Contains(t, out, "This machine's own package databases")
	require.Contains(t, out, "/index: 200 packages, ")
	require.Contains(t, out, "/index/core.omgidx: 16 packages, ok\n")
	require.NotContains(t, out, "omg-fixture")
}

// TestDemo_ThisMachine runs the demo as an ordinary user, on this machine as it is.
func TestDemo_ThisMachine(t *testing.T) {
	need.NotRoot(t)
	runDemo(t, harness.New(t, harness.WithoutDatabases()))
}

// wrappers are shell functions for the examples of the guides. They run the programs with the test's databases instead of
// the machine's. With databaseWrapper, omg never asks omgd. With daemonWrapper, omg asks omgd,
// except with the options --no-daemon and --index. An index is complete if it has the repositories of pacman.conf.
const (
	databaseWrapper = `omg() { command omg "$@" --dbpath "$DB" --pacman-config "$CONF"; }`
	daemonWrapper   = `omg() {
	case " $* " in
		*" --no-daemon "*) set -- "$@" --dbpath "$DB" --pacman-config "$CONF" ;;
		*" --index "*) set -- "$@" --pacman-config "$CONF" ;;
	esac
	command omg "$@"
}`
	wrappers = `
omgd() { exec omgd "$@" --dbpath "$DB" --pacman-config "$CONF"; }
omg-index() { if [[ $1 == build || $1 == publish ]]; then set -- "$@" --dbpath "$DB" --pacman-config "$CONF"; fi; command omg-index "$@"; }
`
)

var (
	comment  = regexp.MustCompile(`\s+#\s.*$`)
	exitCode = regexp.MustCompile(`\s# exit ([0-9])$`)
)

// unserved has the guides whose examples run without omgd, until one of them starts it. For other guides omgd runs before the first
// example.
var unserved = []string{"docs/usage.md"}

// TestReadme_ExamplesRun runs every line of the examples of the README and of the guides that elsewhere does not list, with databases
// as they assume them.
func TestReadme_ExamplesRun(t *testing.T) {
	for _, guide := range guides(t) {
		t.Run(guide, func(t *testing.T) { runExamples(t, guide, !slices.Contains(unserved, guide)) })
	}
}

func runExamples(t *testing.T, guide string, served bool) {
	var lines []string
	for _, line := range commands(t, read(t, guide)) {
		if findElsewhere(guide, line) == nil {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return
	}
	bash := need.Program(t, "bash")
	s := harness.New(t, harness.WithoutDatabases())
	writeDatabases(s)
	harness.WriteFile(t, s.Path("all.json"), advisories)
	s = s.WithEnv("PATH="+s.Bin+":"+os.Getenv("PATH"), "DB="+s.DB, "CONF="+s.PacmanConf)
	s.WorkDir = s.Home
	writeJournal(s)
	s = writeNews(s)
	functions := wrappers + databaseWrapper + "\n"
	if served {
		need.Loopback(t)
		functions = wrappers + daemonWrapper + "\n"
		serve(s)
	}
	for _, line := range lines {
		want := 0
		if m := exitCode.FindStringSubmatch(line); m != nil {
			want, _ = strconv.Atoi(m[1])
		}
		text, background := strings.CutSuffix(comment.ReplaceAllString(line, ""), " &")
		text = examplePackage.ReplaceAllString(text, "leftover")
		cmd := s.Command(bash, "-c", functions+text)
		if background {
			s.StartDaemonCommand(cmd, s.Socket()).AwaitReady()
			continue
		}
		r := harness.Run(t, cmd)
		require.Equalf(t, want, r.Code, "%s\n%s%s", line, r.Stdout, r.Stderr)
		if want == 0 {
			require.NotEmptyf(t, r.Stdout, "%s printed nothing", line)
			require.Emptyf(t, r.Stderr, "%s complained", line)
		}
	}
}

// examplePackage stands for the name of any package of the AUR in the guides.
var examplePackage = regexp.MustCompile(`\bPKG\b`)

const advisories = `[{"name":"AVG-1","packages":["firefox"],"status":"Fixed","severity":"High","affected":"0.9-1","fixed":"1.0-1"}]`

// serve starts omgd, and waits until it has the advisories.
func serve(s *harness.System) {
	s.T.Helper()
	tracker := fakeserver.Serve(s.T, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, advisories) }), nil)
	s = s.WithEnv("OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+tracker.URL, "OMG_NETWORK_TIMEOUT=2m", "OMG_NETWORK_PROXY=none")
	omgd := s.StartDaemonCommand(s.Command("omgd", append(s.DatabaseFlags(), "--foreground", "--socket", s.Socket())...), s.Socket())
	omgd.AwaitReady()
	omgd.AwaitStatus(func(r *wire.StatusResult) bool { return r.Counts.Security != nil }, "the advisories")
}

// writeJournal writes a journal of the AUR in which the installed package leftover has got a new maintainer.
func writeJournal(s *harness.System) {
	s.T.Helper()
	journal := filepath.Join(s.Home, ".local/share/omg/index/aur.omgjournal")
	require.NoError(s.T, os.MkdirAll(filepath.Dir(journal), 0o755))
	dumps := []string{s.Path("old.json"), s.Path("new.json")}
	for i, dump := range dumps {
		harness.WriteFile(s.T, dump, `[{"Name":"leftover","PackageBase":"leftover","Version":"1.0-1","Maintainer":"`+[]string{"ana", "bob"}[i]+`"}]`)
		at := time.Now().Add(time.Duration(24*i-25) * time.Hour)
		require.NoError(s.T, os.Chtimes(dump, at, at))
		r := s.Run("omg-index", append([]string{"journal", "--to", journal}, dumps[:i+1]...)...)
		require.Zero(s.T, r.Code, r.Stderr)
	}
}

// writeNews writes news that omgd has downloaded, and returns the system with this feed.
func writeNews(s *harness.System) *harness.System {
	s.T.Helper()
	const feed = "http://127.0.0.1:1/" // omgd does not ask it, because the news are new
	now := time.Now().Unix()
	downloaded := &news.File{URL: feed, ConfirmedAt: now, Items: []wire.NewsItem{
		{NewsHeadline: wire.NewsHeadline{ID: "1", Title: "linux-firmware requires manual intervention", PublishedAt: now - 3600}, Text: "Remove it first."},
	}}
	require.NoError(s.T, downloaded.Write(news.Path(filepath.Join(s.Home, ".local/share/omg"))))
	return s.WithEnv("OMG_NEWS_ENABLED=true", "OMG_NEWS_URL="+feed)
}

// writeDatabases writes what the README assumes: databases with the packages that it names, and an installed system
// with an update, an orphan and a foreign package.
func writeDatabases(s *harness.System) {
	s.T.Helper()
	more := func(desc string) []string {
		return []string{"DESC", desc, "CSIZE", "1024", "ISIZE", "4096", "BUILDDATE", "1700000000"}
	}
	harness.WriteFile(s.T, s.PacmanConf, "[options]\nDBPath = "+s.DB+"\n"+
		"[core]\nServer = https://mirror.invalid/core\n[extra]\nServer = https://mirror.invalid/extra\n")
	harness.WriteFile(s.T, s.SyncDBPath("core"), harness.BuildDatabase(s.T, harness.NewPackageEntry("libcap", "1.0-1", more("POSIX 1003.1e capabilities")...)))
	harness.WriteFile(s.T, s.SyncDBPath("extra"), harness.BuildDatabase(s.T,
		harness.NewPackageEntry("firefox", "1.0-1", append(more("Fast, private and safe web browser"), "GROUPS", "gnome")...),
		harness.NewPackageEntry("libfoo", "1.0-1", more("A library")...)))
	harness.WriteFile(s.T, s.FilesDBPath("core"), harness.BuildDatabase(s.T,
		harness.NewPackageEntry("libcap", "1.0-1"), harness.NewFilesEntry("libcap", "1.0-1", "usr/", "usr/lib/", "usr/lib/libcap.so")))
	harness.WriteFile(s.T, s.FilesDBPath("extra"), harness.BuildDatabase(s.T,
		harness.NewPackageEntry("firefox", "1.0-1"), harness.NewFilesEntry("firefox", "1.0-1", "usr/", "usr/bin/", "usr/bin/firefox"),
		harness.NewPackageEntry("libfoo", "1.0-1"), harness.NewFilesEntry("libfoo", "1.0-1", "usr/", "usr/lib/", "usr/lib/libfoo.so")))
	s.Install("firefox", "0.9-1", "DESC", "Fast, private and safe web browser", "DEPENDS", "libfoo")
	s.Install("libfoo", "1.0-1", "DESC", "A library", "REASON", "1")
	s.Install("leftover", "1.0-1", "DESC", "Nobody needs it", "REASON", "1")
}
