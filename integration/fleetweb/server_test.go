package fleetweb

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
)

// natsSite is omg-fleet web over a NATS server, to which agents publish the state of one system under several names.
type natsSite struct {
	*site
	system *harness.System
	server *harness.Process
	url    string
	clock  string // the path of the file with the time of omg-fleet web
}

// newNATSSite starts a NATS server and the pages. No agent has started.
func newNATSSite(t *testing.T) *natsSite {
	t.Helper()
	s := &natsSite{site: &site{t: t}, system: harness.New(t, harness.WithTestClock(), harness.WithGenerated(fixture.Options{Packages: 100, Installed: 30, Seed: 5}))}
	s.clock = s.system.Path("clock")
	s.setClock(0)
	s.startServer("127.0.0.1:0")
	s.serve(s.system.WithEnv("OMG_TEST_TIME="+s.clock), "--server", s.url)
	return s
}

// setClock sets how far the clock of omg-fleet web is ahead. It does not move.
func (s *natsSite) setClock(ahead time.Duration) {
	s.t.Helper()
	harness.ReplaceFile(s.t, s.clock, time.Now().Add(ahead).Format(time.RFC3339))
}

func (s *natsSite) startServer(listen string) {
	s.t.Helper()
	s.server = harness.Start(s.t, s.system.Command("omg-fleet", "dev", "--listen", listen, "--dir", s.system.Path("nats")))
	harness.Await(s.t, func() bool { return strings.Contains(s.server.Stdout(), "OMG_FLEET_SERVER=") || !s.server.Running() }, "the server listens")
	_, s.url, _ = strings.Cut(strings.TrimSpace(s.server.Stdout()), "OMG_FLEET_SERVER=")
	require.NotEmpty(s.t, s.url, s.server.Stderr())
}

// startAgent starts the agent of a host with a time between signs of life.
func (s *natsSite) startAgent(name, interval string) *harness.Process {
	s.t.Helper()
	return harness.Start(s.t, s.system.Command("omg-fleet", "--server", s.url, "agent", "--host", name, "--socket", s.system.Socket(), "--interval", interval))
}

// hasText is an expression that is true if the element of a selector is there and has a text.
func hasText(selector, text string) string {
	return "document.querySelector(" + quote(selector) + ")?.innerText.includes(" + quote(text) + ")"
}

// hasVersion is an expression that is true if the chart of a package has a version with a number of hosts.
func hasVersion(version string, hosts int) string {
	return `Array.from(document.querySelectorAll(".chart tbody tr"), (r) => r.cells[0].innerText + " " + r.cells[1].innerText).includes(` + quote(version+" "+strconv.Itoa(hosts)) + `)`
}

// TestServer_Live shows the hosts of a NATS server while they change, are lost and come back, and while the server is away. No page is loaded again.
func TestServer_Live(t *testing.T) {
	t.Parallel()
	s, b := newNATSSite(t), newBrowser(t)
	b.login(s.site)
	require.Equal(t, "asked 0, answered 0", b.text(".coverage"))
	b.await(`document.getElementById("status").innerText === "live"`)
	eval[bool](b, "window.same = true")
	s.system.Install("own-package", "1-1")
	s.system.StartDaemon().AwaitReady()
	s.startAgent("db1", "1h")
	s.startAgent("web1", "1h")
	web2 := s.startAgent("web2", "1s")
	b.await(`document.querySelector(".coverage").innerText === "asked 3, answered 3"`)
	require.Equal(t, []string{"db1", "web1", "web2"}, b.rows())
	require.True(t, eval[bool](b, `Array.from(document.querySelectorAll("#live-list td[data-label=Packages]")).every((d) => d.innerText === "31")`))

	// Another machine has the name of a host.
	const several = "web2 is the name of several agents"
	other := s.startAgent("web2", "1s")
	b.await(hasText("#live-top", several))
	other.Signal(syscall.SIGKILL)
	b.await("!" + hasText("#live-top", several))

	// A host is lost, and comes back.
	web2.Signal(syscall.SIGKILL)
	s.setClock(5 * time.Minute)
	b.await(hasText("section.silent", "web2 silent: it was last heard"))
	require.Regexp(t, `it was last heard \d+ minutes ago; last known state \d+ minutes ago; last contact \d+ minutes ago$`, b.text("section.silent"))
	require.Equal(t, "asked 3, answered 2", b.text(".coverage"))
	s.startAgent("web2", "1h")
	b.await(`!document.querySelector("section.silent") && document.querySelector(".coverage").innerText === "asked 3, answered 3"`)

	// The server is away: what was known stays, with its age.
	s.server.Signal(syscall.SIGKILL)
	b.await(hasText("[role=alert]", "What is shown may be old: no server can be reached"))
	require.Equal(t, []string{"db1", "web1", "web2"}, b.rows())
	require.True(t, eval[bool](b, `Array.from(document.querySelectorAll("#live-list td[data-label=Inventory]")).every((d) => / minutes ago$/.test(d.innerText))`))
	s.startServer(strings.TrimPrefix(s.url, "nats://"))
	b.await(`!document.querySelector("[role=alert]")`)
	require.Equal(t, []string{"db1", "web1", "web2"}, b.rows())
	require.True(t, eval[bool](b, "window.same === true"), "the page was not loaded again")

	// An update of the hosts.
	b.open(s.address + "/package?name=own-package")
	b.await(hasVersion("1-1", 3))
	eval[bool](b, "window.same = true")
	s.system.Install("own-package", "2-1")
	b.await(hasVersion("2-1", 3))
	require.True(t, eval[bool](b, "window.same === true"))
	b.requireQuiet()
}
