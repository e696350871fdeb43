package fleetweb

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestPage goes through the pages as a person would.
func TestPage(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office(), "printer"), newBrowser(t)
	b.open(s.address + "/")
	b.write("#token", "something else\r")
	b.await(`document.querySelector("[role=alert]")`)
	require.Equal(t, "This is not the token.", b.text("[role=alert]"))
	b.login(s)
	require.Equal(t, "asked 7, answered 5", b.text(".coverage"))
	require.Contains(t, b.text("section.silent"), "printer missing: it has no file")
	require.Contains(t, b.text("section.silent"), "db2 old: its inventory was made 3 days ago; last known state 3 days ago")
	require.Equal(t, []string{"build1", "db1", "db2", "mail", "printer", "web1", "web2"}, b.rows())
	require.Empty(t, eval[string](b, "document.cookie"), "a script can read the cookie")

	// Typing filters, without loading the page.
	eval[bool](b, "window.same = true")
	b.write("#q", "web")
	b.await(`location.search === "?q=web"`) // the address changes last, and a part of the word may have been searched for before
	require.Equal(t, []string{"web1", "web2"}, b.rows())
	require.True(t, eval[bool](b, "window.same === true"))

	b.open(s.address + "/")
	b.click(`//th/a[text()="Updates"]`)
	b.awaitPage(`document.querySelector("[aria-sort=descending]")`)
	require.Equal(t, []string{"mail", "db2", "web1", "web2", "build1", "db1", "printer"}, b.rows())

	b.click(`//nav//a[text()="Packages"]`)
	b.awaitPage(`location.pathname === "/packages"`)
	b.write("#q", "xz") // Enter would search once more, and replace the list while the next step uses it
	b.await(`location.search === "?q=xz"`)
	require.Equal(t, 1, eval[int](b, `document.querySelectorAll("#live-list tbody tr").length`))
	b.click(`//th/a[text()="xz"]`)
	b.awaitPage(`location.pathname === "/package"`)
	require.Equal(t, []string{"5.8.1-1", "5.8.0-1", "5.6.1-2", "5.6.1-1"}, eval[[]string](b, `Array.from(document.querySelectorAll(".chart th a"), (a) => a.innerText)`))
	widths := eval[[]float64](b, `Array.from(document.querySelectorAll(".bar rect"), (r) => r.getBoundingClientRect().width)`)
	require.Greater(t, widths[0], 2*widths[1], "the bar of three hosts is longer than that of one")
	require.Positive(t, widths[3])

	b.open(s.address + "/packages?q=" + "xz%3E5.6+xz%3C5.7")
	require.Equal(t, []string{"db2", "mail"}, b.rows())
	b.click(`//th/a[text()="mail"]`)
	b.awaitPage(`location.pathname === "/host"`)
	require.Contains(t, b.text("main"), "AVG-2905 High, fixable")

	b.click(`//button[text()="Log out"]`)
	b.awaitPage(`location.pathname === "/login"`)
	// The button Back shows nothing of the session that has ended.
	eval[int](b, "history.back(), 0")
	b.awaitPage(`location.pathname + location.search === "/login?next=%2Fhost%3Fname%3Dmail"`)
	require.NotContains(t, eval[string](b, "document.body.innerText"), "mail")
	b.open(s.address + "/host?name=mail")
	require.Equal(t, "/login", eval[string](b, "location.pathname"))
	b.write("#token", token+"\r")
	b.awaitPage(`location.pathname + location.search === "/host?name=mail"`)
	b.requireQuiet()
}

// TestPage_Live changes, removes and restores files while a page is open, and ends the session.
func TestPage_Live(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office()), newBrowser(t)
	b.login(s)
	b.await(`document.getElementById("status").innerText === "live"`)
	eval[bool](b, "window.same = true")
	require.Equal(t, "asked 6, answered 5", b.text(".coverage"))

	s.put("web1", host(77, 2, "5.8.1-1"))
	b.await(`Array.from(document.querySelectorAll("#live-list td"), (d) => d.innerText).includes("77")`)
	s.put("new1", host(1, 0, "5.8.1-1"))
	b.await(`document.querySelector("#live-list").innerText.includes("new1") && document.querySelector("#live-top").innerText.includes("not in the roster: new1")`)

	b.do(chromedp.Focus(chromedp.CSS(`#live-list a[href="/host?name=mail"]`)))
	require.NoError(t, os.Rename(s.path("web2"), s.path(".web2")))
	b.await(`document.querySelector("section.silent").innerText.includes("web2 missing: it has no file")`)
	require.Equal(t, "asked 7, answered 5", b.text(".coverage"))
	require.Equal(t, "mail", eval[string](b, "document.activeElement.innerText"), "the focus stays")
	require.NoError(t, os.Rename(s.path(".web2"), s.path("web2")))
	b.await(`!document.querySelector("section.silent").innerText.includes("web2")`)

	b.click(`//button[@id="pause"]`)
	require.Equal(t, "paused", b.text("#status"))
	require.NoError(t, os.WriteFile(s.path("mail"), []byte("{"), 0o644))
	b.click(`//button[@id="pause"]`)
	b.await(`document.querySelector("section.silent").innerText.includes("mail unreadable")`)
	require.True(t, eval[bool](b, "window.same === true"), "the page was not loaded again")
	b.requireQuiet()
}

// TestPage_Failure lets the script's request for a changed page fail. It has to ask again, although nothing changes any more.
func TestPage_Failure(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office()), newBrowser(t)
	b.login(s)
	b.await(`document.getElementById("status").innerText === "live"`)
	failed := make(chan struct{}, 1)
	require.NoError(t, chromedp.Listen(b.ctx, func(event any) {
		if _, isFailure := event.(*network.EventLoadingFailed); isFailure {
			select {
			case failed <- struct{}{}:
			default:
			}
		}
	}))
	call(b, network.Enable, network.EnableParams{})
	block := func(isBlocked bool) {
		t.Helper()
		call(b, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: s.address + "/", Block: isBlocked}}})
	}
	block(true)
	s.put("web1", host(77, 2, "5.8.1-1"))
	harness.Receive(t, failed, "the request fails")
	block(false)
	b.await(`Array.from(document.querySelectorAll("#live-list td"), (d) => d.innerText).includes("77")`)
	b.requireQuiet()
}

// TestPage_WithoutScripts logs in, filters, sorts and searches in a browser that runs no scripts.
func TestPage_WithoutScripts(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office()), newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.login(s)
	require.True(t, eval[bool](b, `document.querySelector(".live").hidden`), "what needs scripts is not shown")
	b.write("#q", "web\r")
	b.awaitPage(`location.search.includes("q=web")`)
	require.Equal(t, []string{"web1", "web2"}, b.rows())
	b.click(`//th/a[text()="Host"]`)
	b.awaitPage(`document.querySelector("[aria-sort=descending]")`)
	require.Equal(t, []string{"web2", "web1"}, b.rows())
	b.open(s.address + "/packages")
	b.write("#q", "xz=5.8.0\r")
	b.awaitPage(`location.search === "?q=xz%3D5.8.0"`)
	require.Equal(t, []string{"web2"}, b.rows())
}

// focused describes the element with the focus.
const focused = `(document.activeElement.id || document.activeElement.innerText)`

// skip follows the link to the content, which has the focus. The next key goes to the first element there.
func (b *browser) skip() {
	b.t.Helper()
	b.press(kb.Enter)
	b.await(`location.hash === "#main"`)
	b.press(kb.Tab)
	require.True(b.t, eval[bool](b, `document.getElementById("main").contains(document.activeElement)`))
}

// TestPage_Keyboard uses the pages with keys alone. What has the focus is visible.
func TestPage_Keyboard(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office()), newBrowser(t)
	b.open(s.address + "/")
	b.await(focused + ` === "token"`) // a browser focuses it when it draws the page, which can be after the page is complete
	b.press(token + "\r")
	b.awaitPage(`location.pathname === "/" && document.querySelector(".coverage")`)
	b.press(kb.Tab)
	require.Equal(t, "Skip to the content", eval[string](b, focused))
	require.GreaterOrEqual(t, eval[float64](b, `document.activeElement.getBoundingClientRect().left`), 0.0, "the link is visible")
	b.skip()
	// Each element that the key reaches shows that it has the focus.
	reached := map[string]bool{}
	for range 60 {
		name := eval[string](b, focused)
		reached[name] = true
		if name == "Findings" && eval[bool](b, `document.activeElement.closest("thead") !== null`) {
			break
		}
		require.NotEqual(t, "none", eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`), name)
		b.press(kb.Tab)
	}
	for _, name := range []string{"q", "show", "Filter", "Host", "Updates", "Findings"} {
		require.True(t, reached[name], "the key Tab does not reach %s", name)
	}
	b.press(kb.Enter)
	b.awaitPage(`document.querySelector("[aria-sort=descending]")`)
	require.Equal(t, "mail", b.rows()[0])
}

// landmarks are the roles that each page with a list has for a screen reader.
var landmarks = []string{"banner", "navigation", "main", "table", "row", "columnheader", "rowheader", "cell", "heading"}

// requireAccessible checks what a screen reader gets of the page: landmarks, names of all controls, tables with heads, one heading, a title.
func (b *browser) requireAccessible() {
	b.t.Helper()
	address := eval[string](b, "location.href")
	roles := map[string]int{}
	for _, n := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role, name := strings.Trim(string(n.Role.Value), `"`), ""
		if n.Name != nil {
			name = strings.Trim(string(n.Name.Value), `"`)
		}
		roles[role]++
		switch role {
		case "link", "button", "textbox", "searchbox", "combobox", "table", "navigation", "search":
			require.NotEmpty(b.t, name, "%s: a %s has no name", address, role)
		}
	}
	for _, role := range landmarks {
		require.NotZero(b.t, roles[role], "%s has no %s: %v", address, role, roles)
	}
	require.Equal(b.t, 1, eval[int](b, `document.querySelectorAll("h1").length`))
	require.Equal(b.t, "en", eval[string](b, `document.documentElement.lang`))
	require.NotEmpty(b.t, eval[string](b, `document.title`))
}

// TestPage_Accessible checks all pages. The layout for narrow screens has to keep the tables.
func TestPage_Accessible(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office(), "printer"), newBrowser(t)
	b.login(s)
	for _, width := range []int64{1280, 320} {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, path := range []string{"/", "/host?name=mail", "/packages?q=x", "/package?name=xz"} {
			b.open(s.address + path)
			b.requireAccessible()
		}
	}
}

// contrast is a function that returns the contrast of an element's text with its background, as WCAG 2 defines it.
const contrast = `((element) => {
	const parse = (text) => text.match(/[\d.]+/g).map(Number);
	const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	let back = element;
	while (back.parentElement && parse(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
	const pair = [light(parse(getComputedStyle(element).color)), light(parse(getComputedStyle(back).backgroundColor))].sort((a, b) => b - a);
	return (pair[0] + 0.05) / (pair[1] + 0.05);
})`

// setScheme makes the browser prefer a light or a dark page.
func (b *browser) setScheme(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// requireContrast checks that all texts of the page have enough contrast.
func (b *browser) requireContrast() {
	b.t.Helper()
	low := eval[[]string](b, `Array.from(document.querySelectorAll("body *"))
		.filter((e) => Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim()))
		.map((e) => [`+contrast+`(e), e]).filter(([c]) => c < 4.5).map(([c, e]) => c.toFixed(2) + " " + e.outerHTML.slice(0, 120))`)
	require.Empty(b.t, low, eval[string](b, "location.href"))
}

// TestPage_Colours checks that light and dark follow the browser's setting, with enough contrast in both.
func TestPage_Colours(t *testing.T) {
	t.Parallel()
	s, b := newSite(t, office(), "printer"), newBrowser(t)
	b.login(s)
	backs := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		b.setScheme(scheme)
		for _, path := range []string{"/", "/package?name=xz", "/host?name=db2"} {
			b.open(s.address + path)
			b.requireContrast()
		}
		backs[scheme] = eval[string](b, `getComputedStyle(document.body).backgroundColor`)
	}
	require.NotEqual(t, backs["light"], backs["dark"])
}

// requireFits checks that the page need not be scrolled sideways at the width of the window.
func (b *browser) requireFits(width int64) {
	b.t.Helper()
	require.LessOrEqual(b.t, eval[int64](b, "document.documentElement.scrollWidth"), width, "%.80s at %d pixels", eval[string](b, "location.href"), width)
	require.Less(b.t, eval[float64](b, `Math.max(...Array.from(document.querySelectorAll("header a, header button"), (e) => e.getBoundingClientRect().height))`), 60.0, "words are broken")
}

// TestPage_Narrow checks that no page has to be scrolled sideways, from 320 pixels on, even with the longest names.
func TestPage_Narrow(t *testing.T) {
	t.Parallel()
	hosts := office()
	long := strings.Repeat("x", 200)
	v := host(3, 1, "5.8.1-1")
	v.Host, v.Updates[0].Name, v.Packages[0].Name, v.Packages[0].Version = long, long, long, long
	hosts[long] = v
	s, b := newSite(t, hosts, "printer"), newBrowser(t)
	b.login(s)
	for _, width := range []int64{320, 375, 740, 1024, 2560} {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, path := range []string{"/", "/host?name=" + long, "/packages", "/package?name=xz", "/package?name=" + long, "/packages?q=xz%3E5"} {
			b.open(s.address + path)
			b.requireFits(width)
		}
	}
}

// TestPage_Many opens the pages of 10,000 hosts, and reports how long they take.
func TestPage_Many(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir()}
	for i := range 10_000 {
		s.put(fmt.Sprintf("host%05d", i), host(uint32(i%4), 0, "5.8.1-1"))
	}
	s.start([]string{"host00000", "missing"})
	b := newBrowser(t)
	b.login(s)
	require.Equal(t, "asked 10,001, answered 10,000", b.text(".coverage"))
	b.open(s.address + "/")
	require.Len(t, b.rows(), 200)
	t.Logf("first paint: %.0f ms", firstPaint(b))
	b.write("#q", "host0999")
	b.await(`document.querySelectorAll("#live-list tbody tr").length === 10`)
	for _, entry := range eval[[]string](b, `performance.getEntriesByType("resource").filter((e) => e.initiatorType === "xmlhttprequest").map((e) => e.name + " " + e.duration.toFixed(0) + " ms")`) {
		t.Log(entry)
	}
	b.open(s.address + "/?sort=updates&page=50")
	require.Len(t, b.rows(), 200)
	b.open(s.address + "/package?name=xz")
	require.Contains(t, b.text("main"), "10,000 hosts have it.")
	t.Logf("first paint of a package: %.0f ms", firstPaint(b))
	b.requireQuiet()
}

// firstPaint returns the time from the start of the navigation to the first paint of text, in milliseconds.
func firstPaint(b *browser) float64 {
	b.t.Helper()
	const entries = `performance.getEntriesByName("first-contentful-paint")`
	b.await(entries + `.length`)
	return eval[float64](b, entries+`[0].startTime`)
}
