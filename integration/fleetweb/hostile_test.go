package fleetweb

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// payloads are texts that would run a script if a page inserted them as they are, in any place.
var payloads = []string{
	`<script>evil()</script>`, `"><img src=x onerror=evil()>`, `' onmouseover='evil()' x='`, `" autofocus onfocus=evil() x="`, `javascript:evil()`, `</title><svg onload=evil()>`,
	`</textarea><iframe srcdoc="<script>parent.evil()</script>">`, `{{evil}}${evil()}`, `--><script>evil()</script><!--`, `<base href="//evil.example/">`, `<meta http-equiv=refresh content="0;url=//evil.example/">`,
	"\u202e\u2028<a href=javascript:evil()>x</a>", `&lt;script&gt;evil()&lt;/script&gt;`, `<style>*{display:none}</style>`, `\u003cscript\u003eevil()\u003c/script\u003e`,
}

// hostile returns an inventory with a text in each field that can have any.
func hostile(text string) *inventory.Inventory {
	n := uint32(1)
	v := &inventory.Inventory{
		Host: text, OmgVersion: text, Kernel: text, PartialCounts: []string{text, "updates"},
		Counts:     wire.Counts{Installed: &n, Updates: &n, Security: &wire.SecurityCounts{Vulnerabilities: 1}, AURFindings: &wire.FindingCounts{Act: 1}},
		Sources:    []wire.Source{{Name: text, Kind: wire.SourceKind(text)}},
		Problems:   []wire.Problem{{Name: text, State: text, Why: text}},
		Updates:    []inventory.HostUpdate{{Name: text, Installed: text, Version: text, Repo: text, Severity: text}},
		Advisories: []inventory.Vulnerable{{Name: text, Installed: text, Update: text, Advisories: []inventory.HostAdvisory{{Name: text, Severity: text, Verdict: text}}}},
		Findings:   []inventory.HostFinding{{Name: text, Installed: text, Level: text, Reasons: []string{text, text}}},
		Packages:   []inventory.HostPackage{{Name: text, Version: text}, {Name: "xz", Version: text}},
	}
	for _, part := range []inventory.PartName{inventory.PartPackages, inventory.PartUpdates, inventory.PartAdvisories, inventory.PartFindings, inventory.PartName(text)} {
		v.Parts = append(v.Parts, inventory.Part{Name: part, State: inventory.PartPartial, Why: text})
	}
	return v
}

// requireInert checks that a page has no element, attribute or link that a text of a host has made.
func (b *browser) requireInert(s *site, address string) {
	b.t.Helper()
	b.open(s.address + address)
	require.Equal(b.t, strings.TrimPrefix(s.address, "http://"), eval[string](b, `location.host`), address)
	require.Zero(b.t, eval[int](b, `document.querySelectorAll("iframe, img, style, base, main script, main link, main meta, [onerror], [onload], [onfocus], [onmouseover], [style], svg:not(.bar)").length`), address)
	require.Zero(b.t, eval[int](b, `Array.from(document.querySelectorAll("a")).filter((a) => a.protocol !== location.protocol || a.host !== location.host).length`), address)
}

// TestHostile_Scripts opens all pages with hostile text in every field, in names of hosts and packages, and in addresses. No script may run,
// and the policy must have had nothing to block: the text never was code.
func TestHostile_Scripts(t *testing.T) {
	t.Parallel()
	hosts, b := map[string]*inventory.Inventory{}, newBrowser(t)
	var roster []string
	for _, text := range payloads {
		name := strings.ReplaceAll(text, "/", "∕")
		hosts[name] = hostile(text)
		if !strings.ContainsAny(name, " \u2028\u202e") { // a roster refuses these
			roster = append(roster, "missing-"+name)
		}
	}
	hosts["broken"] = &inventory.Inventory{}
	s := &site{t: t, dir: t.TempDir()}
	for name, v := range hosts {
		s.put(name, v)
	}
	require.NoError(t, os.WriteFile(s.path("broken"), []byte(`{"<script>evil()</script>":`), 0o644))
	s.start(roster)
	b.login(s)
	addresses := []string{"/", "/?show=silent", "/packages", "/package?name=xz"}
	for i, text := range payloads {
		addresses = append(addresses, "/host?name="+url.QueryEscape(strings.ReplaceAll(text, "/", "∕")), "/"+url.PathEscape(text))
		for _, address := range []string{"/?q=", "/?show=", "/?sort=", "/?page=", "/packages?q=", "/package?name=", "/package?name=xz&version=", "/host?name=", "/login?next="} {
			if i < 5 { // package web tests all of these without a browser
				addresses = append(addresses, address+url.QueryEscape(text))
			}
		}
	}
	for _, address := range addresses {
		b.requireInert(s, address)
	}
	b.requireQuiet()
	b.open(s.address + "/host?name=" + url.QueryEscape(payloads[1]))
	require.Contains(t, b.text("main"), payloads[1])
}

// TestHostile_OtherPages opens pages of another server in the browser of a user who has logged in. They can neither read nor change
// anything. The other server is on another port of this machine, as that of another user of it may be.
func TestHostile_OtherPages(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office()), newBrowser(t)
	b.login(s)
	cookies := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case cookies <- r.Header.Get("Cookie"):
		default:
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>other</title><form method="post" action="` + s.address + `/logout"><button>x</button></form>
<img id="img" src="` + s.address + `/"><iframe id="frame" src="` + s.address + `/"></iframe>`))
	}))
	defer other.Close()
	for _, address := range []string{other.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)} {
		b.open(address)
		read := `(async () => { try { const r = await fetch(` + quote(s.address+"/") + `, {credentials: "include", mode: MODE}); return r.type + await r.text(); } catch (e) { return "refused"; } })()`
		for mode, want := range map[string]string{`"cors"`: "refused", `"no-cors"`: "refused"} {
			got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](strings.Replace(read, "MODE", mode, 1), chromedp.EvalAwaitPromise))
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %s", address, mode)
		}
		require.False(t, eval[bool](b, `(() => { try { return Boolean(document.getElementById("frame").contentDocument.querySelector("main")); } catch (e) { return false; } })()`))
		require.Zero(t, eval[int](b, `document.getElementById("img").naturalWidth`))
		events, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`new Promise((done) => { const e = new EventSource(`+quote(s.address+"/events")+`, {withCredentials: true});
			e.onmessage = e.onopen = () => done("open"); e.onerror = () => done("refused"); })`, chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		require.Equal(t, "refused", events)
		// The form of the other page does not log the user out.
		b.click(`//button`)
		b.awaitPage(`location.pathname === "/logout"`)
		b.open(s.address + "/")
		require.Equal(t, "/", eval[string](b, "location.pathname"), "the user is still logged in")
	}
	// A browser sends a cookie to all ports of a host. The owner of the other port has it, and cannot use it.
	close(cookies)
	stolen := ""
	for cookie := range cookies {
		stolen = max(stolen, cookie)
	}
	require.Contains(t, stolen, "__Host-omg-fleet=")
	need.Root(t)
	ask := func(user string) string {
		script := `exec 3<>/dev/tcp/127.0.0.1/$1 && printf 'GET / HTTP/1.1\r\nHost: localhost:%s\r\nCookie: %s\r\nConnection: close\r\n\r\n' "$1" "$2" >&3 && cat <&3`
		_, port, _ := strings.Cut(strings.TrimPrefix(s.address, "http://"), ":")
		r := harness.Run(t, exec.Command(need.Program(t, "setpriv"), "--reuid="+user, "--clear-groups", need.Program(t, "bash"), "-c", script, "bash", port, stolen))
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	require.Contains(t, ask("0"), "asked 6, answered 5", "the user who has logged in")
	require.Contains(t, ask("65534"), "Location: /login")
}
