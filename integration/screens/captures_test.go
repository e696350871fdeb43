package screens

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

	"github.com/omg-arch/omg/integration/demo"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// mode is how omg gets its data in a capture.
type mode int

const (
	// daemon means that omg sends requests to omgd. The time is almost two hours after the start of omgd.
	daemon mode = iota
	// files means that omg reads the databases, at the same time.
	files
	// dated means that omg reads the databases at the time of the demo, in July 2022, with a journal of the AUR.
	dated
	// hostile is like dated, for the system with hostile texts.
	hostile
	// current is like daemon, with the real time: a server tells its own.
	current
)

// captures are the command lines to capture. The name of a capture is that of its file.
var captures = []struct {
	name, line string
	mode       mode
}{
	{"dashboard", "omg", daemon},
	{"dashboard-files", "omg", files},
	{"search", "omg search browser", daemon},
	{"search-quiet", "omg search -q browser", daemon},
	{"search-none", "omg search firefix", daemon},
	{"search-no-index", "omg --index /nowhere search vim", files},
	{"search-explain", "omg search --explain --limit 4 web browser", daemon},
	{"info", "omg info git", daemon},
	{"info-installed", "omg info -i bash", files},
	{"info-aur", "omg info yay-bin", daemon},
	{"info-unknown", "omg info gti", daemon},
	{"info-other", "omg info base-devel sh", daemon},
	{"list", "omg list core", daemon},
	{"groups", "omg groups", daemon},
	{"groups-name", "omg groups base-devel", daemon},
	{"command", "omg command sh rg", daemon},
	{"command-none", "omg command no-such-command", daemon},
	{"command-similar", "omg command gti", daemon},
	{"command-unknown", "omg command git", hostile},
	{"installed", "omg installed", daemon},
	{"installed-word", "omg installed shell", daemon},
	{"explicit", "omg explicit", daemon},
	{"orphans", "omg orphans", daemon},
	{"foreign", "omg foreign", daemon},
	{"why", "omg why openssl", files},
	{"why-reverse", "omg why --reverse git", files},
	{"tree", "omg tree yay-bin", files},
	{"tree-ascii", "omg tree --ascii -d 1 yay-bin", files},
	{"tree-reverse", "omg tree -r glibc", files},
	{"tree-optional", "omg tree -o git", files},
	{"size", "omg size", files},
	{"size-names", "omg size git links", files},
	{"size-groups", "omg size --groups", files},
	{"history", "omg history", files},
	{"history-name", "omg history firefox", files},
	{"inventory", "omg inventory", daemon},
	{"inventory-files", "omg inventory", files},
	{"check", "omg check", files},
	{"check-name", "omg check bash", files},
	{"files", "omg files bash", files},
	{"files-repos", "omg files falkon", daemon},
	{"files-none", "omg files firefix", daemon},
	{"owns", "omg owns ~/root/usr/share/bash", files},
	{"owns-unowned", "omg owns /usr/bin/falkon falkon", daemon},
	{"owns-repos", "omg owns --repos rg", daemon},
	{"owns-repos-path", "omg owns --repos /usr/bin/rg usr/bin/sh", daemon},
	{"owns-repos-regex", "omg owns --repos -x '^(rg|.*sh)$'", daemon},
	{"owns-repos-none", "omg owns --repos no-such-file", daemon},
	{"outdated", "omg outdated", daemon},
	{"outdated-all", "omg outdated --all", daemon},
	{"outdated-size", "omg outdated --by size --security", daemon},
	{"outdated-age", "omg outdated --by age", daemon},
	{"outdated-repo", "omg outdated --by repo git firefox", daemon},
	{"outdated-none", "omg outdated bash", daemon},
	{"security", "omg security", daemon},
	{"security-cve", "omg security --cve", daemon},
	{"security-none", "omg security bash", daemon},
	{"aur-check", "omg aur check", dated},
	{"aur-log", "omg aur log", dated},
	{"aur-log-none", "omg aur log yay-bin", dated},
	{"aur-diff", "omg aur diff yay-bin", dated},
	{"aur-ack", "omg aur ack google-chrome; omg aur ack --remove google-chrome", dated},
	{"news", "OMG_NEWS_ENABLED=true omg news", dated},
	{"news-all", "OMG_NEWS_ENABLED=true omg news --all", dated},
	{"news-text", "OMG_NEWS_ENABLED=true omg news 1 ssl", dated},
	{"news-read", "OMG_NEWS_ENABLED=true XDG_STATE_HOME=~/$SRANDOM omg news --read", dated},
	{"news-unknown", "OMG_NEWS_ENABLED=true omg news", files},
	{"outdated-news", "OMG_NEWS_ENABLED=true omg outdated", dated},
	{"dashboard-news", "OMG_NEWS_ENABLED=true omg", dated},
	{"status-news", "OMG_NEWS_ENABLED=true omg status", dated},
	{"status", "omg status", daemon},
	{"status-files", "omg status", files},
	{"watch", "omg watch --count 1", daemon},
	{"watch-files", "omg watch", files},
	{"outdated-devel", "omg outdated --devel", daemon},
	{"status-history", "omg status --history --limit 1", daemon},
	{"health", "omg health", daemon},
	{"refresh", "omg refresh", daemon},
	{"doctor", "omg doctor", daemon},
	{"config", "omg config", daemon},
	{"cache-clear", "omg cache clear", daemon},
	{"daemon-status", "omg daemon status", daemon},
	{"runtime-list", "omg runtime list node", daemon},
	{"runtime-which", "cd project && omg runtime which node; cd ~", daemon},
	{"runtime-use", "omg runtime use node 99", daemon},
	{"help", "omg help", daemon},
	{"help-search", "omg help search", daemon},
	{"help-command", "omg help command", daemon},
	{"help-browse", "omg help browse", daemon},
	{"help-outdated", "omg help outdated", daemon},
	{"help-aur-check", "omg aur check --help", daemon},
	{"letters-search", "omg -Ss browser", files},
	{"letters-outdated", "omg -Qu", files},
	{"letters-files", "omg -F rg", files},
	{"letters-files-list", "omg -Fl falkon", files},
	{"letters-upgrade", "omg -Syu", files},
	{"letters-wrong", "omg -Qz", files},
	{"error-mistyped", "omg serach vim", daemon},
	{"error-foreign", "omg install vim", daemon},
	{"error-name", "omg firefox", daemon},
	{"error-option", "omg search --colour always vim", daemon},
	{"error-words", "omg search", daemon},
	{"error-file", "omg --index /nowhere --dbpath /nowhere search vim", files},
	{"fleet-hosts", "omg-fleet --from inventories --roster hosts hosts", dated},
	{"fleet-status", "omg-fleet --from inventories --roster hosts status", dated},
	{"fleet-outdated", "omg-fleet --from inventories --roster hosts outdated", dated},
	{"fleet-security", "omg-fleet --from inventories --roster hosts security", dated},
	{"fleet-has", "omg-fleet --from inventories --roster hosts has 'xz>=5.6.0' 'xz<5.6.2'", dated},
	{"fleet-has-none", "omg-fleet --from inventories has emacs", dated},
	{"fleet-has-all", "omg-fleet --from inventories --roster hosts --require-all has w3m", dated},
	{"fleet-search", "omg-fleet --from inventories --roster hosts search web browser", dated},
	{"fleet-aur", "omg-fleet --from inventories --roster hosts aur", dated},
	{"fleet-init", "n=(fleet*); omg-fleet init --dir fleet-$((1000+${#n[@]})) nats.example.org", dated},
	{"fleet-host-list", "omg-fleet host list --dir fleet", dated},
	{"fleet-doctor", "omg-fleet --server \"$(<server)\" doctor", current},
	{"fleet-error-server", "omg-fleet --server tls://127.0.0.1:1 has xz", dated},
	{"fleet-error-states", "omg-fleet has xz", dated},
	{"help-fleet", "omg-fleet help", dated},
	{"hostile-dashboard", "omg", hostile},
	{"hostile-search", "omg search evil", hostile},
	{"hostile-search-wide", "omg search 中文", hostile},
	{"hostile-info", "omg info evil wide zero -- -rf --help", hostile},
	{"hostile-info-aur", "omg info aur-evil", hostile},
	{"hostile-info-installed", "omg info -i evil wide", hostile},
	{"hostile-list", "omg list", hostile},
	{"hostile-list-quiet", "omg list -q", hostile},
	{"hostile-groups", "omg groups", hostile},
	{"hostile-foreign", "omg foreign", hostile},
	{"hostile-outdated", "omg outdated", hostile},
	{"hostile-outdated-quiet", "omg outdated -q", hostile},
	{"hostile-tree", "omg tree -- -rf", hostile},
	{"hostile-tree-reverse", "omg tree -r -o evil", hostile},
	{"hostile-size", "omg size", hostile},
	{"hostile-history", "omg history", hostile},
	{"hostile-inventory", "omg inventory", hostile},
	{"hostile-check", "omg check", hostile},
	{"hostile-files", "omg files -- --help", hostile},
	{"hostile-aur-check", "omg aur check", hostile},
	{"hostile-aur-log", "omg aur log", hostile},
	{"hostile-news", "OMG_NEWS_ENABLED=true omg news", hostile},
	{"hostile-news-text", "OMG_NEWS_ENABLED=true omg news 1 2", hostile},
	{"hostile-outdated-news", "OMG_NEWS_ENABLED=true omg outdated", hostile},
	{"hostile-error", "omg search $'\\e[31mred\\u202e'", hostile},
	{"hostile-command", "omg $'\\e[31mred\\u202e'", hostile},
}

// sizes are the sizes of terminals: columns and rows.
var sizes = [][2]int{{80, 24}, {200, 50}}

// clockOffset is the time of omg after the start of the test. The requests and refreshes of the daemon are before it. With this offset, their
// ages in full hours, and those of the next requests, are always the same, if the daemon starts within 10 minutes.
const clockOffset = 105 * time.Minute

// demoSystem is the demo system with its daemon and terminals.
type demoSystem struct {
	s         *harness.System
	terminals []*terminal
	start     time.Time
}

// commandLine returns the command line of bash for a capture.
func (w *demoSystem) commandLine(line string, m mode) string {
	now, dataDir := w.start.Add(clockOffset), w.s.Path("files-data")
	if m == dated {
		now, dataDir = demo.Now, w.s.Path("dated-data")
	}
	flags := ""
	switch m {
	case files, dated:
		flags = "--no-daemon --dbpath " + w.s.DB + " --pacman-config " + w.s.PacmanConf + " --data-dir " + dataDir
	case hostile:
		now = demo.Now
		flags = "--no-daemon --dbpath " + w.s.Path("evil/db") + " --pacman-config " + w.s.Path("evil/pacman.conf") + " --data-dir " + w.s.Path("evil/data")
	}
	at := now.Format(time.RFC3339)
	if m == current {
		at = ""
	}
	return fmt.Sprintf("export OMG_TEST_TIME=%s; flags='%s'; omg() { command omg $flags \"$@\"; }; %s", at, flags, line)
}

// pipeCommand prepares a run of a command line whose output goes to pipes.
func (w *demoSystem) pipeCommand(t *testing.T, line string, m mode) *exec.Cmd {
	return w.s.ForSubtest(t).Command(need.Program(t, "bash"), "-c", "cd ~; "+w.commandLine(line, m))
}

// homeInCaptures is the home directory in captures. It has the length of the one in which the test runs, so that lines are wrapped as on the
// screen.
const homeInCaptures = "/home/demo-user"

// startSystem starts the demo system, its daemon, and terminals.
func startSystem(t *testing.T) *demoSystem {
	t.Helper()
	t.Setenv("TMPDIR", "/tmp") // the home directory has a path of 15 characters
	s := harness.New(t, harness.WithoutDatabases(), harness.WithTestClock())
	require.Len(t, s.Home, len(homeInCaptures))
	s.Data = s.Path(".local/share/omg")
	// omg finds no program of the machine except these.
	require.NoError(t, os.Mkdir(s.Path("tools"), 0o755))
	for _, name := range []string{"bash", "stty"} {
		require.NoError(t, os.Symlink(need.Program(t, name), s.Path("tools", name)))
	}
	s = s.WithEnv("PATH="+s.Bin+":"+s.Path("tools"), "PAGER=cat", "USER=demo", "SHELL=/bin/bash")
	start := time.Now().UTC()
	demo.Write(s)
	demo.WriteFileLists(s)
	demo.WriteJournal(s, s.Path("dated-data"))
	demo.WriteNews(s, s.Path("dated-data"))
	demo.WriteRuntimes(s)
	demo.WriteFleet(s, s.Path("inventories"), s.Path("hosts"))
	startServer(s)
	harness.WriteFile(t, s.Path(".config/systemd/user/omgd.socket"), "")
	harness.WriteFile(t, s.Path(".config/systemd/user/sockets.target.wants/omgd.socket"), "")
	// omg has a copy of yay-bin's build files, and makes another one after the update.
	demo.WriteBuildFiles(s, false)
	earlier := s.WithEnv("OMG_TEST_TIME=" + demo.Now.Add(-72*time.Hour).Format(time.RFC3339))
	r := earlier.Run("omg", append(s.DatabaseFlags(), "--no-daemon", "aur", "diff", "yay-bin")...)
	require.Contains(t, r.Stderr, "there is only copy 1")
	demo.WriteBuildFiles(s, true)
	evil := *s
	evil.DB, evil.PacmanConf = s.Path("evil/db"), s.Path("evil/pacman.conf")
	demo.WriteHostile(&evil, s.Path("evil/data"))
	complete := func(r *wire.StatusResult) bool {
		return len(r.FileLists) == 2 && slices.ContainsFunc(r.Problems, func(p wire.Problem) bool { return p.Name == "libalpm" })
	}
	// With this interval, the status file is not stale at the time of omg.
	demo.StartDaemon(s.WithEnv("OMG_REFRESH_INTERVAL=2h")).AwaitStatus(complete, "the lists of files of two repositories, and without libalpm")
	return &demoSystem{s, openTerminals(s, sizes...), start}
}

// startServer makes the keys of a fleet with a host, whose server does not run, and starts a server for a first try, whose address is in the file server.
func startServer(s *harness.System) {
	t := s.T
	require.Zero(t, s.Run("omg-fleet", "init", "--dir", s.Path("fleet"), "127.0.0.1:1").Code)
	key := s.Run("omg-fleet", "key", s.Path("web1.creds")).Stdout
	require.Zero(t, s.Run("omg-fleet", "host", "add", "--dir", s.Path("fleet"), "web1", strings.TrimSpace(key)).Code)
	p := harness.Start(t, s.Command("omg-fleet", "dev", "--listen", "127.0.0.1:0", "--dir", s.Path("nats")))
	harness.Await(t, func() bool { return strings.Contains(p.Stdout(), "export ") || !p.Running() }, "the server listens")
	_, address, found := strings.Cut(strings.TrimSpace(p.Stdout()), "OMG_FLEET_SERVER=")
	require.True(t, found, p.Stderr())
	harness.WriteFile(t, s.Path("server"), address)
}

// TestScreens runs all parts on one system.
func TestScreens(t *testing.T) {
	w := startSystem(t)
	t.Run("captures", func(t *testing.T) { testCaptures(t, w) })
	t.Run("plain", func(t *testing.T) { testPlain(t, w) })
	t.Run("closed pipe", func(t *testing.T) { testClosedPipe(t, w) })
	t.Run("width", func(t *testing.T) { testWidth(t, w) })
	t.Run("hostile", func(t *testing.T) { testHostile(t, w) })
}

// testCaptures runs each command in terminals of all sizes and in a pipe, and compares what they show with the captures. No line may be
// wider than the terminal.
func testCaptures(t *testing.T, w *demoSystem) {
	update := os.Getenv("UPDATE") != ""
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join("testdata", c.name+".txt")
			got, last := fmt.Sprintf("$ %s\n", c.line), "-"
			add := func(name string, code int, text string) {
				if text == last {
					got += fmt.Sprintf("\n=== %s, exit code %d: the same ===\n", name, code)
					return
				}
				got += fmt.Sprintf("\n=== %s, exit code %d ===\n%s", name, code, text)
				last = text
			}
			for _, x := range w.terminals {
				r := x.forTest(t).run(c.line, w.commandLine(c.line, c.mode))
				text := strings.TrimPrefix(r.Text, "$ "+c.line+"\n")
				add(x.name, r.Code, w.steady(t, text))
				checkWidth(t, x, r)
				if strings.HasPrefix(c.name, "dashboard") {
					require.Less(t, strings.Count(r.Text, "\n"), x.rows, "the dashboard and the next prompt do not fit")
				}
			}
			r := harness.Run(t, w.pipeCommand(t, c.line+" 2>&1", c.mode))
			require.NotContains(t, r.Stdout, "\x1b")
			add("pipe", r.Code, w.steady(t, r.Stdout))
			if update {
				harness.WriteFile(t, path, got)
				return
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "UPDATE=1 records it")
			require.Equal(t, string(want), got, "if this is right, record it with UPDATE=1")
		})
	}
	known := map[string]bool{}
	for _, c := range captures {
		require.False(t, known[c.name], "two captures have the name %s", c.name)
		known[c.name] = true
	}
	for _, name := range harness.ListDir(t, "testdata") {
		require.True(t, known[strings.TrimSuffix(name, ".txt")], "no command has the capture %s", name)
	}
}

// unwrapped matches lines that may be wider than the terminal: those of files, which "aur diff" shows as they are, those on standard error,
// which may contain a command to copy, those of omg-fleet doctor and init, and the first lines of search results with groups, which pacman does not wrap either.
var unwrapped = regexp.MustCompile(`^(omg(-fleet)?: (error|hint): |(warn|info)  | {30}|fleet-|then put |[-+ ]( {7}|source=)|[a-z]+/[^ ]+ [^ ]+ \()`)

// checkWidth checks that the terminal has not wrapped a line.
func checkWidth(t *testing.T, x *terminal, r shown) {
	t.Helper()
	onScreen := map[string]bool{}
	for line := range strings.Lines(colors.ReplaceAllString(r.Text, "")) {
		onScreen[line] = true
	}
	for line := range strings.Lines(r.Joined) {
		if !onScreen[line] && !unwrapped.MatchString(line) {
			t.Errorf("%s: a line is wider than the terminal: %s", x.name, line)
		}
	}
}

// varying are the parts of screens that differ between runs, and what a capture has instead.
var varying = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`\(process [0-9]+`), "(process 4711"},
	{regexp.MustCompile(`((?:^|\n)(?:\\e\[[0-9;]*m)*Host(?:\\e\[[0-9;]*m)* +).*`), "${1}demo"},
	{regexp.MustCompile(`((?:^|\n)(?:\\e\[[0-9;]*m)*Identity(?:\\e\[[0-9;]*m)* +).*`), "${1}0123456789ab4def8123456789abcdef"},
	// omgd refreshes only once in 5 seconds.
	{regexp.MustCompile(`refreshed, generation [0-9]+|already refreshed: .*`), "refreshed, generation 5"},
	// Versions of tmux differ in characters without a width.
	{regexp.MustCompile("[\u200b\u200d\u2060]"), ""},
	{regexp.MustCompile(`\bcleared [0-9]+ cached repl(y|ies)`), "cleared 7 cached replies"},
	{regexp.MustCompile(`\bfleet-[0-9]+\b`), "fleet-4711"},
	{regexp.MustCompile(`\bU[A-Z2-7]{55}\b`), "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"},
	{regexp.MustCompile(`\badded 20[0-9-]{8}\b`), "added 2022-07-10"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]{4,}`), "127.0.0.1:4222"},
	{regexp.MustCompile(`\b20(2[3-9]|[3-9][0-9])-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}`), "2022-07-10 09:30:00"}, // when omgd recorded counts
}

// steady returns a text of the screen for a capture: the escape sequences are readable, and what differs between runs is replaced.
func (w *demoSystem) steady(t *testing.T, text string) string {
	t.Helper()
	text, err := readableColors(text)
	require.NoError(t, err)
	text = strings.ReplaceAll(text, w.s.Home, homeInCaptures)
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.replacement)
	}
	return text
}
