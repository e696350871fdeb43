package web

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// hostileTexts would be elements, attributes or addresses of a script if a page inserted them as they are.
var hostileTexts = []string{
	`<script>evil()</script>`, `"><img src=x onerror=evil()>`, `' onmouseover='evil()`, `" autofocus onfocus=evil() x="`, `javascript:evil()`, `</title></textarea></style></script><b>`,
	"`${evil()}`", `--><b><!--`, `]]><b>`, `{{.}}`, "\x00<b>", "\u202eevil\u2066", "<a\nhref=javascript:evil()>", `&lt;b&gt;`, `&#60;b&#62;`, `%3Cb%3E`, "\xff<b>", `//evil.example/x`, `data:text/html,<b>`,
}

// hostileHost returns an inventory with a text in each field that can have any.
func hostileHost(text string) *inventory.Inventory {
	n, yes := uint32(1), true
	v := &inventory.Inventory{
		Host: text, OmgVersion: text, Kernel: text, PartialCounts: []string{text, "updates"}, RebootNeeded: &yes,
		Counts:     wire.Counts{Installed: &n, Updates: &n, Security: &wire.SecurityCounts{Vulnerabilities: 1}, AURFindings: &wire.FindingCounts{Act: 1}},
		Sources:    []wire.Source{{Name: text, Kind: wire.SourceKind(text)}},
		Problems:   []wire.Problem{{Name: text, State: text, Why: text}},
		Updates:    []inventory.HostUpdate{{Name: text, Installed: text, Version: text, Repo: text, Severity: text}},
		Advisories: []inventory.Vulnerable{{Name: text, Installed: text, Update: text, Advisories: []inventory.HostAdvisory{{Name: text, Severity: text, Verdict: text}}}},
		Findings:   []inventory.HostFinding{{Name: text, Installed: text, Level: text, Reasons: []string{text}}},
		Packages:   []inventory.HostPackage{{Name: text + "x", Version: text}, {Name: "xz", Version: text}},
	}
	for _, part := range []inventory.PartName{inventory.PartPackages, inventory.PartUpdates, inventory.PartAdvisories, inventory.PartFindings, inventory.PartName(text)} {
		v.Parts = append(v.Parts, inventory.Part{Name: part, State: inventory.PartPartial, Why: text})
	}
	return v
}

var (
	tag       = regexp.MustCompile(`(?s)<[^>]*>`)
	attribute = regexp.MustCompile(`(?s)="[^"]*"`)
	link      = regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)
	ownLink   = regexp.MustCompile(`^(?:/(?:[^/\\]|$)|#main$)`)
	unsafe    = regexp.MustCompile("[\x00-\x08\u202a-\u202e\u2066-\u2069]")
	plainTag  = regexp.MustCompile(`^<!doctype html>$|^</?[a-z][a-z0-9]*(?: [a-zA-Z-]+(?:="")?)*/?>$`)
)

// shapes returns the elements of a page, without the values of their attributes, each once.
func shapes(page string) map[string]bool {
	all := map[string]bool{}
	for _, one := range tag.FindAllString(attribute.ReplaceAllString(page, `=""`), -1) {
		all[one] = true
	}
	return all
}

// requireInert checks that a page has only such elements and attributes as the templates have, and that all addresses are on this server.
func requireInert(t *testing.T, known map[string]bool, page, about string) {
	t.Helper()
	for shape := range shapes(page) {
		require.True(t, known[shape], "%s: no template has %s", about, shape)
	}
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		if !ownLink.MatchString(m[1]) {
			t.Fatalf("%s: %s is not on this server", about, m[1])
		}
	}
	require.False(t, unsafe.MatchString(page), about)
}

// TestPages_Hostile puts hostile text into each field of an inventory, into the names of hosts and packages, into reasons and problems, and
// into each parameter, and checks all pages.
func TestPages_Hostile(t *testing.T) {
	known := map[string]bool{}
	learn := func(s *site, addresses ...string) {
		for _, address := range addresses {
			for shape := range shapes(s.send(s.request(http.MethodGet, address, "")).Body.String()) {
				require.True(t, plainTag.MatchString(shape), shape)
				known[shape] = true
			}
		}
	}
	plain := newSite(t, nil)
	learn(plain, loginPath, "/nothing")
	plain.login(testToken)
	// The pages of harmless hosts show which elements the templates have: with data of each kind, with several parts of lists, and without.
	learn(plain, "/", "/packages", "/package?name=xz", "/packages?q=a+b", "/packages?q=<>")
	fillAll(plain, "harmless")
	for i := range pageRows + 20 {
		plain.put("z"+strings.Repeat("y", i%50)+string(rune('a'+i%26))+time.Duration(i).String(), &inventory.Inventory{Packages: []inventory.HostPackage{{Name: "xz", Version: "1"}}})
	}
	learn(plain, addressesWith("harmless")...)
	learn(plain, addressesWith("xz")...)
	learn(plain, "/?show=silent", "/?sort=updates&order=reverse&page=2", "/package?name=xz&page=2", "/package?name=xz&version=1", "/?show=reboot&q=x", "/nothing", "/host?name=nothing", "/packages?q=nothing")
	require.NotContains(t, strings.Join(slices.Collect(maps.Keys(known)), " "), " on", "no attribute is a handler")

	checked := 0
	for _, text := range hostileTexts {
		s := newSite(t, nil)
		s.login(testToken)
		fillAll(s, text)
		for _, address := range addressesWith(text) {
			page := s.send(s.request(http.MethodGet, address, "")).Body.String()
			requireInert(t, known, page, address)
			checked++
		}
		page := s.send(s.request(http.MethodPost, loginPath, url.Values{"token": {text}, "next": {text}}.Encode())).Body.String()
		requireInert(t, known, page, text)
	}
	require.Greater(t, checked, 350)
}

// fillAll adds hosts with a text in all places.
func fillAll(s *site, text string) {
	s.put(text, hostileHost(text))
	old := hostileHost(text)
	old.At = 1
	s.put("old"+text, old)
	s.fleet.Refuse("path/"+text, "refused"+text, &url.Error{Op: text, URL: text, Err: http.ErrBodyNotAllowed})
	s.fleet.Contact("old"+text, resident.Contact{Heard: time.Now().Add(-time.Hour)})
	s.fleet.SetRoster([]string{"missing" + text})
	s.fleet.SetProblem(text)
	same := hostileHost(text)
	same.Identity = strings.Repeat("a", 32)
	s.put("same1"+text, same)
	other := hostileHost(text)
	other.Identity = same.Identity
	s.put("same2"+text, other)
}

// addressesWith returns the addresses of all pages with a text in each parameter.
func addressesWith(text string) []string {
	all := []string{"/", "/?show=silent", "/packages", "/package?name=xz", "/" + url.PathEscape(text)}
	for _, start := range []string{
		"/?q=", "/?show=", "/?sort=", "/?order=", "/?page=", "/packages?q=", "/packages?page=", "/package?name=", "/package?name=xz&version=", "/package?name=xz&q=", "/host?name=",
		"/host?name=old", "/host?name=refused", "/host?name=missing", "/host?name=same1", "/login?next=", "/login?next=/",
	} {
		all = append(all, start+url.QueryEscape(text))
	}
	return all
}
