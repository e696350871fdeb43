package web

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	testHost  = "fleet.example"
	testToken = "a token for the tests"
)

// site is a server of a test, and the cookie of its browser.
type site struct {
	t      *testing.T
	server *Server
	fleet  *resident.Fleet
	errors bytes.Buffer
	cookie string
}

func newSite(t *testing.T, change func(*Options)) *site {
	t.Helper()
	s := &site{t: t, fleet: resident.New()}
	o := Options{Stale: time.Hour, HostNames: []string{testHost}, Token: testToken, Errors: &s.errors}
	if change != nil {
		change(&o)
	}
	s.server = New(s.fleet, o)
	return s
}

// request returns a request of the browser.
func (s *site) request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = testHost
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if s.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: s.cookie})
	}
	return r
}

func (s *site) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.server.http.Handler.ServeHTTP(w, r)
	return w
}

// get returns the page of an address.
func (s *site) get(target string) string {
	s.t.Helper()
	w := s.send(s.request(http.MethodGet, target, ""))
	require.Equal(s.t, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	return w.Body.String()
}

// login sends a token, and keeps the cookie of the answer.
func (s *site) login(token string) *httptest.ResponseRecorder {
	w := s.send(s.request(http.MethodPost, loginPath, url.Values{"token": {token}}.Encode()))
	for _, c := range w.Result().Cookies() {
		s.cookie = c.Value
	}
	return w
}

func (s *site) put(name string, v *inventory.Inventory) {
	s.t.Helper()
	require.NoError(s.t, put(s.fleet, name, v))
}

// put adds a host to a fleet.
func put(f *resident.Fleet, name string, v *inventory.Inventory) error {
	text, err := fixture.EncodeInventory(name, v)
	if err != nil {
		return err
	}
	r, finish := resident.Read()
	read, err := r.Read(text)
	if err == nil {
		f.Put(name, name, finish(read))
	}
	return err
}

// init lets package resident make what compresses states. It has channels, and those that are made in a synctest bubble cannot be used by
// other tests.
func init() {
	f := resident.New()
	err := put(f, "host", &inventory.Inventory{})
	if err == nil {
		_, err = f.Details("host")
	}
	if err != nil {
		panic(err)
	}
}

func number(n uint32) *uint32 { return &n }

// fill adds hosts in each state.
func (s *site) fill() {
	yes := true
	s.fleet.SetRoster([]string{"gone", "web1", "web2"})
	s.put("web1", &inventory.Inventory{
		Counts:       wire.Counts{Installed: number(3), Updates: number(12), Security: &wire.SecurityCounts{Vulnerabilities: 2, High: 2}, AURFindings: &wire.FindingCounts{Act: 1}},
		RebootNeeded: &yes, Kernel: "6.1", OmgVersion: "1.0", Packages: []inventory.HostPackage{{Name: "xz", Version: "5.6.1-1"}},
		Updates:    []inventory.HostUpdate{{Name: "xz", Installed: "5.6.1-1", Version: "5.8-1", Repo: "core"}},
		Advisories: []inventory.Vulnerable{{Name: "xz", Installed: "5.6.1-1", Advisories: []inventory.HostAdvisory{{Name: "AVG-1", Severity: "High", Verdict: "fixable"}}}},
		Findings:   []inventory.HostFinding{{Name: "own", Level: "act", Reasons: []string{"orphaned"}}},
		Problems:   []wire.Problem{{Name: "store", State: "failed", Why: "full"}},
	})
	s.put("web2", &inventory.Inventory{Counts: wire.Counts{Installed: number(1), Updates: number(100)}, Packages: []inventory.HostPackage{{Name: "xz", Version: "5.8-1"}}})
	s.put("old1", &inventory.Inventory{At: time.Now().Add(-26 * time.Hour).Unix(), Packages: []inventory.HostPackage{{Name: "xz", Version: "5.6.1-1"}}})
}

// paths are addresses of all pages that need a login.
var paths = []string{
	"/", "/?show=silent", "/host?name=web1", "/packages", "/packages?q=xz", "/packages?q=xz%3E%3D5", "/package?name=xz", "/package?name=xz&version=5.8-1", eventsPath,
}

// hosts returns the names of the hosts in the list of a page, in their order.
func hosts(page string) (names []string) {
	_, list, _ := strings.Cut(page, "<tbody")
	for _, part := range strings.Split(list, `role="rowheader"><a href="`)[1:] {
		_, name, _ := strings.Cut(part, ">")
		name, _, _ = strings.Cut(name, "<")
		names = append(names, name)
	}
	return names
}

func TestHosts(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.login(testToken)
	page := s.get("/")
	require.Contains(t, page, "asked 4, answered 2")
	require.Contains(t, page, `<b>missing</b>: it has no file`)
	require.Contains(t, page, `>old1</a> <b>old</b>: its inventory was made 1 day ago; last known state <time`)
	require.Contains(t, page, `not in the roster: <a href="/host?name=old1">old1</a>`)
	require.Contains(t, page, "<b>112</b> updates</a>\n<span>on 2 hosts, unknown on 2</span>")
	require.Contains(t, page, "<b>2</b> advisories</a>\n<span>on 1 hosts, unknown on 3</span>")
	for address, want := range map[string]string{
		"/": "gone old1 web1 web2", "/?order=reverse": "web2 web1 old1 gone", "/?sort=updates": "web2 web1 gone old1", "/?sort=updates&order=reverse": "gone old1 web1 web2",
		"/?sort=age": "gone old1 web1 web2", "/?sort=findings": "web1 gone old1 web2", "/?sort=advisories": "web1 gone old1 web2", "/?sort=packages": "web1 web2 gone old1",
		"/?sort=reboot": "web1 gone old1 web2", "/?sort=state": "web1 web2 gone old1", "/?sort=nothing": "gone old1 web1 web2",
		"/?q=web": "web1 web2", "/?q=w+2": "web2", "/?show=silent": "gone old1", "/?show=updates": "web1 web2", "/?show=updates&q=1": "web1",
		"/?show=reboot": "web1", "/?show=findings": "web1", "/?show=advisories": "web1", "/?q=nothing": "",
	} {
		if want == "" {
			require.Contains(t, s.get(address), "No host matches.")
			continue
		}
		require.Equal(t, want, strings.Join(hosts(s.get(address)), " "), address)
	}
	require.Contains(t, s.get("/?sort=updates"), `aria-sort="descending"><a href="/?order=reverse&amp;sort=updates">Updates`)
	require.Equal(t, 1, strings.Count(s.get("/?sort=updates"), "aria-sort"))
}

func TestHosts_Parts(t *testing.T) {
	s := newSite(t, nil)
	for i := range 450 {
		s.put(fmt.Sprintf("host%03d", i), &inventory.Inventory{Packages: []inventory.HostPackage{}})
	}
	s.login(testToken)
	for address, want := range map[string][]string{
		"/?page=1": {"host000", "1 to 200 of 450"}, "/?page=2": {"host200", "201 to 400 of 450"}, "/?page=3": {"host400", "401 to 450 of 450"},
		"/?page=9": {"host400", "401 to 450 of 450"}, "/?page=-1": {"host000", "1 to 200 of 450"}, "/?page=x": {"host000", "1 to 200 of 450"},
	} {
		page := s.get(address)
		require.Equal(t, want[0], hosts(page)[0], address)
		require.LessOrEqual(t, len(hosts(page)), pageRows)
		require.Contains(t, page, want[1], address)
	}
	require.Contains(t, s.get("/?page=2&q=host&sort=age"), `href="/?page=3&amp;q=host&amp;sort=age" rel="next"`)
}

func TestHost(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.login(testToken)
	page := s.get("/host?name=web1")
	for _, text := range []string{"AVG-1 High, fixable", "orphaned", "5.8-1", "store: failed: full", "<dd>needed</dd>", "Running kernel: 6.1", "1 installed packages"} {
		require.Contains(t, page, text)
	}
	require.Contains(t, s.get("/host?name=gone"), "missing: it has no file")
	s.fleet.Refuse("web2", "web2", io.ErrUnexpectedEOF)
	require.Contains(t, s.get("/host?name=web2"), "unreadable: unexpected EOF")
	require.Equal(t, http.StatusNotFound, s.send(s.request(http.MethodGet, "/host?name=web3", "")).Code)
}

func TestPackages(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.login(testToken)
	page := s.get("/package?name=xz")
	require.Contains(t, page, "3 hosts have it.")
	require.Contains(t, page, "asked 4, answered 2")
	require.Contains(t, page, ">gone</a> <b>missing</b>")
	require.Less(t, strings.Index(page, ">5.8-1</a>"), strings.Index(page, ">5.6.1-1</a>"), "the newest version is the first")
	require.Contains(t, page, `<rect width="66" height="8"/>`)
	require.Contains(t, page, `<rect width="33" height="8"/>`)
	_, list, _ := strings.Cut(s.get("/package?name=xz&version=5.8-1"), "<h2>Hosts</h2>")
	require.Equal(t, []string{"web2"}, hosts(list))
	require.Contains(t, s.get("/packages?q=x"), `<a href="/package?name=xz">xz</a></th><td role="cell" class="n" data-label="Hosts">3</td>`)
	require.Equal(t, []string{"old1", "web1"}, hosts(s.get("/packages?q=xz%3E5.6+xz%3C5.7")))
	require.Contains(t, s.get("/packages?q=nothing"), "No host is known to have such a package.")
	require.Contains(t, s.get("/package?name=nothing"), "No host is known to have it.")
	w := s.send(s.request(http.MethodGet, "/packages?q=a%3C%3E1", ""))
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), "is neither PKG nor PKG=VERSION")
}

func TestProblem(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.fleet.SetProblem("the disk is gone")
	s.login(testToken)
	for _, path := range []string{"/", "/host?name=web1", "/packages", "/package?name=xz"} {
		require.Contains(t, s.get(path), "What is shown may be old: the disk is gone")
	}
}
