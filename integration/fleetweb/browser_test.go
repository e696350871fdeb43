package fleetweb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "4") }

// token is the token of the servers.
const token = "the-token-of-the-tests"

// site is omg-fleet web over a directory of inventories.
type site struct {
	t       *testing.T
	dir     string
	address string
}

// newSite starts omg-fleet web over the inventories of hosts. The roster has these hosts and the names in roster.
func newSite(t *testing.T, hosts map[string]*inventory.Inventory, roster ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	for name, v := range hosts {
		s.put(name, v)
		roster = append(roster, name)
	}
	s.start(roster)
	return s
}

// start starts the server with a roster.
func (s *site) start(roster []string) {
	s.t.Helper()
	system := harness.New(s.t, harness.WithoutDatabases())
	path := system.Path("roster")
	harness.WriteFile(s.t, path, strings.Join(roster, "\n")+"\n")
	s.serve(system, "--from", s.dir, "--roster", path)
}

// serve starts the server with flags that say where the states are, and waits for its address.
func (s *site) serve(system *harness.System, states ...string) {
	s.t.Helper()
	need.Loopback(s.t)
	path := system.Path("token")
	harness.WriteFile(s.t, path, token+"\n")
	require.NoError(s.t, os.Chmod(path, 0o600))
	p := harness.Start(s.t, system.Command("omg-fleet", append(states, "web", "--listen", "127.0.0.1:0", "--token-file", path)...))
	p.AwaitStderr("the pages are on ")
	_, rest, _ := strings.Cut(p.Stderr(), "the pages are on ")
	s.address, _, _ = strings.Cut(rest, "/\n")
	s.t.Cleanup(func() {
		p.Kill()
		require.NotContains(s.t, p.Stderr(), token)
	})
}

// put writes the inventory of a host.
func (s *site) put(name string, v *inventory.Inventory) {
	s.t.Helper()
	text, err := fixture.EncodeInventory(name, v)
	require.NoError(s.t, err)
	temporary := filepath.Join(s.dir, "."+name)
	require.NoError(s.t, os.WriteFile(temporary, text, 0o644))
	require.NoError(s.t, os.Rename(temporary, s.path(name)))
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name+".json") }

// host returns the inventory of a host with numbers of updates and advisories and a version of xz.
func host(updates, advisories uint32, xz string) *inventory.Inventory {
	installed, reboot := uint32(3), updates > 20
	v := &inventory.Inventory{
		OmgVersion: "1.0.0", Kernel: "6.17.1-arch1-1", RebootNeeded: &reboot,
		Counts: wire.Counts{
			Installed: &installed, Updates: &updates, Security: &wire.SecurityCounts{Vulnerabilities: advisories}, AURFindings: &wire.FindingCounts{Look: advisories / 2},
		},
		Packages: []inventory.HostPackage{{Name: "bash", Version: "5.3.3-1"}, {Name: "linux", Version: "6.17.1.arch1-1"}, {Name: "xz", Version: xz}},
	}
	for i := range updates {
		v.Updates = append(v.Updates, inventory.HostUpdate{Name: fmt.Sprint("package", i), Installed: "1.0-1", Version: "1.1-1", Repo: "extra"})
	}
	for i := range advisories {
		v.Advisories = append(v.Advisories, inventory.Vulnerable{
			Name: fmt.Sprint("package", i), Installed: "1.0-1", Advisories: []inventory.HostAdvisory{{Name: fmt.Sprintf("AVG-%d", 2900+i), Severity: "High", Verdict: "fixable"}},
		})
	}
	return v
}

// office is a small fleet.
func office() map[string]*inventory.Inventory {
	old := host(31, 4, "5.6.1-1")
	old.At = time.Now().Add(-72 * time.Hour).Unix()
	return map[string]*inventory.Inventory{
		"build1": host(7, 0, "5.8.1-1"), "db1": host(0, 0, "5.8.1-1"), "db2": old, "mail": host(42, 6, "5.6.1-2"), "web1": host(12, 2, "5.8.1-1"), "web2": host(12, 2, "5.8.0-1"),
	}
}

// browser is a tab of Chromium, whose console has to stay empty.
type browser struct {
	t    *testing.T
	ctx  context.Context
	mu   sync.Mutex
	said []string // errors of scripts, violations of the policy, dialogs
}

// chromium is the process in which the tests that run at the same time have their tabs.
var chromium struct {
	mu    sync.Mutex
	users int
	ctx   context.Context
	end   func(t *testing.T)
}

// useChromium returns the context of the process, which ends after the last test that uses it.
func useChromium(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium-headless-shell") // a third of the processor time
	if err != nil {
		program = need.Program(t, "chromium")
	}
	c := &chromium
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == 0 {
		profile, err := os.MkdirTemp("", "omg-test-chromium-")
		require.NoError(t, err)
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(profile),
			chromedp.Env("TMPDIR="+profile), chromedp.WindowSize(1280, 900), chromedp.Flag("lang", "en"))
		if os.Getuid() == 0 {
			options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
		}
		ctx, endProcess := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, endTab := chromedp.NewContext(ctx)
		c.ctx, c.end = ctx, func(t *testing.T) {
			endTab()
			endProcess()
			harness.Await(t, func() bool { return os.RemoveAll(profile) == nil }, "the children of the process write no more to %s", profile)
		}
		if err := chromedp.Do(ctx); err != nil {
			c.end(t)
			require.NoError(t, err)
		}
	}
	c.users++
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.users--; c.users == 0 {
			c.end(t)
		}
	})
	return c.ctx
}

// newBrowser opens a tab with cookies and a window of its own.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	ctx, cancelTab := chromedp.NewContext(useChromium(t), chromedp.WithNewBrowserContext())
	ctx, cancelTime := context.WithTimeout(ctx, 20*harness.HangTimeout)
	t.Cleanup(func() {
		cancelTime()
		cancelTab()
	})
	b := &browser{t: t, ctx: ctx}
	b.listen()
	call(b, log.Enable, cdp.Empty{})
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // another window may have the focus
	return b
}

// listen records what a script that should not run would do.
func (b *browser) listen() {
	say := func(format string, values ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.said = append(b.said, fmt.Sprintf(format, values...))
	}
	require.NoError(b.t, chromedp.Listen(b.ctx, func(event any) {
		switch e := event.(type) {
		case *page.EventJavascriptDialogOpening:
			say("dialog: %s", e.Message)
		case *runtime.EventExceptionThrown:
			say("exception: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork || e.Entry.Source == log.EntrySourceSecurity {
				say("%s: %s", e.Entry.Source, e.Entry.Text)
			}
		}
	}))
}

// requireQuiet checks that no script has failed or was kept from running.
func (b *browser) requireQuiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.said)
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// call calls a command of the browser's protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
	return result
}

// eval returns the value of an expression in the page.
func eval[V any](b *browser, expression string) V {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[V](expression))
	require.NoError(b.t, err, expression)
	return v
}

// write types a text into the element of a CSS selector.
func (b *browser) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// awaitPage waits until another page has been loaded, of which the condition is true.
func (b *browser) awaitPage(condition string) {
	b.t.Helper()
	b.await(`document.readyState === "complete" && ` + condition)
}

// press presses keys, with the focus where it is.
func (b *browser) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// click clicks the element of an XPath.
func (b *browser) click(path string) {
	b.t.Helper()
	b.do(chromedp.Click(path))
}

// await waits until an expression in the page is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	harness.Await(b.t, func() bool {
		// While a page is replaced by the next one, an expression fails.
		isTrue, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && isTrue
	}, "%s is not true on the page %s", expression, func() string {
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 2000)`))
		return fmt.Sprint(text, err)
	})
}

// open opens an address and waits until its page is complete.
func (b *browser) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
	b.await(`document.readyState === "complete"`)
}

// login logs in and waits for the list of hosts.
func (b *browser) login(s *site) {
	b.t.Helper()
	b.open(s.address + "/")
	require.Equal(b.t, "/login", eval[string](b, "location.pathname"))
	b.write("#token", token+"\r")
	b.awaitPage(`location.pathname === "/" && document.querySelector(".coverage")`)
}

// text returns the text of the element of a selector.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%s).innerText`, quote(selector)))
}

// rows returns the names in the list of hosts.
func (b *browser) rows() []string {
	b.t.Helper()
	return eval[[]string](b, `Array.from(document.querySelectorAll("#live-list tbody th a"), (a) => a.innerText)`)
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}
