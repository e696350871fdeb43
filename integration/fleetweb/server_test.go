package fleetweb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/freeport"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
)

// natsSite is omg-fleet web over a NATS server, to which agents publish the state of one system under several names.
type natsSite struct {
	*site
	system *harness.System
	server *harness.Process
	url    string
	clock  string // the path of the file with the time of omg-fleet web
}

// newNATSSite starts a NATS server and the pages. No agent has started. Only with harness.WithTestClock, the pages have a clock that can be set.
func newNATSSite(t *testing.T, options ...harness.Option) *natsSite {
	t.Helper()
	s := &natsSite{site: &site{t: t}, system: harness.New(t, append(options, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 30, Seed: 5}))...)}
	s.clock = s.system.Path("clock")
	s.setClock(0)
	s.startServer(freeport.TakeAddress(t)) // it can start there again
	s.serve(s.system.WithEnv("OMG_TEST_TIME="+s.clock), "--server", s.url)
	return s
}

// setClock sets how far the clock of the pages is ahead. It does not move.
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
	s, b := newNATSSite(t, harness.WithTestClock()), newBrowser(t)
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
	s.setClock(30 * time.Minute) // it stands still, and the ages below have to be minutes, however long the test takes
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

// publish sends messages to the server, by their subjects, as a host with no other program of omg than this test would.
func (s *natsSite) publish(messages map[string][]byte) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "nats://"))
	require.NoError(s.t, err)
	defer conn.Close()
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(harness.HangTimeout)))
	_, err = io.WriteString(conn, `CONNECT {"verbose":false}`+"\r\n")
	require.NoError(s.t, err)
	for subject, data := range messages {
		_, err := fmt.Fprintf(conn, "PUB %s %d\r\n%s\r\n", subject, len(data), data)
		require.NoError(s.t, err)
	}
	_, err = io.WriteString(conn, "PING\r\n")
	require.NoError(s.t, err)
	for lines := bufio.NewScanner(conn); ; {
		require.True(s.t, lines.Scan(), lines.Err())
		require.NotContains(s.t, lines.Text(), "-ERR")
		if lines.Text() == "PONG" {
			return
		}
	}
}

// hostToken returns the name of a host as it is in a subject, with each byte as a number.
func hostToken(name string) (token string) {
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			token += string(rune(c))
		} else {
			token += fmt.Sprintf("=%02x", c)
		}
	}
	return token
}

// messagesOf returns what a host publishes: its inventory, unless it is nil, and a sign of life with the given fields more.
func messagesOf(t *testing.T, name string, v *inventory.Inventory, more map[string]any) map[string][]byte {
	t.Helper()
	now := time.Now().Unix()
	alive := map[string]any{"schema": 1, "now": now, "inventory_at": now, "interval": 3600}
	maps.Copy(alive, more)
	text, err := json.Marshal(alive)
	require.NoError(t, err)
	all := map[string][]byte{"omg.state." + hostToken(name) + ".alive": text}
	if v != nil {
		document, err := fixture.EncodeInventory(name, v)
		require.NoError(t, err)
		all["omg.state."+hostToken(name)+".inventory"], err = hostinventory.Compress(v, document)
		require.NoError(t, err)
	}
	return all
}

// TestServer_Hostile has hosts with hostile text in everything that a server can pass on: names, inventories, signs of life, and messages that are
// none of these. A host that has been lost is on the pages too.
func TestServer_Hostile(t *testing.T) {
	t.Parallel()
	s, b := newNATSSite(t), newBrowser(t)
	addresses := []string{"/", "/?show=silent", "/packages", "/package?name=xz"}
	for i, text := range payloads {
		all := messagesOf(t, text, hostile(text), map[string]any{"omg_version": text, "problem": text, "duplicate": true})
		maps.Copy(all, messagesOf(t, "stopped"+text, hostile(text), map[string]any{"stopped": true}))
		maps.Copy(all, messagesOf(t, "empty"+text, nil, map[string]any{"problem": text}))
		all["omg.state."+hostToken("wrong"+text)+".alive"] = []byte(`{"schema":1,"problem":"` + text)
		all["omg.state."+hostToken("wrong"+text)+".inventory"] = []byte(text)
		all["omg.roster."+hostToken("missing"+text)] = []byte(`{"added_at":1,"public_key":` + quote(text) + `}`)
		s.publish(all)
		// All hosts are in the lists. Three hosts of each kind have their own pages opened.
		addresses = append(addresses, "/host?name="+url.QueryEscape([]string{"", "stopped", "empty", "wrong", "missing"}[i%5]+text))
	}
	b.login(s.site)
	b.await(hasText(".coverage", fmt.Sprintf("asked %d, answered 0", 5*len(payloads)))) // they say that their inventories are partial
	for _, address := range addresses {
		b.requireInert(s.site, address)
	}
	b.requireQuiet()
	b.open(s.address + "/host?name=" + url.QueryEscape("empty"+payloads[0]))
	require.Contains(t, b.text("main"), "it has published no inventory: "+payloads[0])
}

// TestServer_Readers reads the pages of a server on a narrow and on a wide screen, dark, with a screen reader, with keys alone, and without scripts.
func TestServer_Readers(t *testing.T) {
	t.Parallel()
	s, b := newNATSSite(t), newBrowser(t)
	for name, v := range office() {
		s.publish(messagesOf(t, name, v, nil))
	}
	long := strings.Repeat("x", 200)
	s.publish(messagesOf(t, long, host(3, 1, "5.8.1-1"), map[string]any{"stopped": true, "duplicate": true}))
	s.publish(messagesOf(t, "empty", nil, map[string]any{"problem": long}))
	b.open(s.address + "/")
	b.await(focused + ` === "token"`)
	b.press(token + "\r")
	b.await(hasText(".coverage", "asked 8, answered 6"))
	b.setScheme("dark")
	check := func() {
		t.Helper()
		for _, width := range []int64{320, 1280} {
			b.do(chromedp.EmulateViewport(width, 800))
			for _, path := range []string{"/", "/host?name=mail", "/host?name=" + long, "/package?name=xz"} {
				b.open(s.address + path)
				b.requireFits(width)
				b.requireAccessible()
				b.requireContrast()
			}
		}
	}
	check()
	b.open(s.address + "/")
	b.press(kb.Tab)
	b.skip()
	for eval[string](b, focused) != "q" {
		b.press(kb.Tab)
	}
	b.press("mail\r")
	b.await(`document.querySelectorAll("#live-list tbody tr").length === 1`)
	require.Equal(t, []string{"mail"}, b.rows())
	// The alert is on the pages too.
	s.server.Signal(syscall.SIGKILL)
	b.await(hasText("[role=alert]", "no server can be reached"))
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	check()
	b.open(s.address + "/")
	require.True(t, eval[bool](b, `document.querySelector(".live").hidden`))
	require.Contains(t, b.text("[role=alert]"), "no server can be reached")
	b.write("#q", "web\r")
	b.awaitPage(`location.search.includes("q=web")`)
	require.Equal(t, []string{"web1", "web2"}, b.rows())
}
