package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuard_HostNames(t *testing.T) {
	s := newSite(t, func(o *Options) { o.HostNames = []string{testHost, "127.0.0.1:8480", "[::1]"} })
	s.fill()
	s.login(testToken)
	for host, want := range map[string]int{
		testHost: 200, "FLEET.example": 200, testHost + ":8443": 200, "127.0.0.1:8480": 200, "[::1]:8480": 200, "[::1]": 200,
		"127.0.0.1": 421, "127.0.0.1:80": 421, "evil.example": 421, testHost + ".evil.example": 421, "": 421, "evil.example:" + testHost: 421, testHost + ":80:80": 421,
	} {
		for _, path := range append([]string{"/static/style.css", loginPath}, paths...) {
			if path == eventsPath {
				continue
			}
			r := s.request(http.MethodGet, path, "")
			r.Host = host
			require.Equal(t, want, s.send(r).Code, "%s at %q", path, host)
		}
	}
}

// TestGuard_OtherPages checks that requests that a browser says to come from another origin are refused, except a link to a page.
func TestGuard_OtherPages(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.login(testToken)
	send := func(method, path, body string, headers ...string) int {
		r := s.request(method, path, body)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.send(r).Code
	}
	const site, mode, dest = "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"
	for _, from := range []string{"cross-site", "same-site"} {
		require.Equal(t, 200, send("GET", "/", "", site, from, mode, "navigate", dest, "document"), "a link")
		require.Equal(t, 403, send("GET", "/", "", site, from, mode, "navigate", dest, "iframe"))
		require.Equal(t, 403, send("GET", "/", "", site, from, mode, "no-cors", dest, "image"))
		require.Equal(t, 403, send("GET", eventsPath, "", site, from, mode, "cors", dest, "empty"))
		require.Equal(t, 403, send("GET", "/static/page.js", "", site, from, mode, "no-cors", dest, "script"))
		for _, path := range []string{loginPath, "/logout"} {
			require.Equal(t, 403, send("POST", path, "token="+url.QueryEscape(testToken), site, from, mode, "navigate", dest, "document"), path)
		}
	}
	require.Equal(t, 403, send("POST", "/logout", "", "Origin", "http://evil.example"), "a browser without these headers")
	require.Equal(t, 403, send("POST", "/logout", "", "Origin", "null"))
	require.Equal(t, 200, send("GET", "/", ""), "the session has not ended")
	require.Equal(t, 303, send("POST", "/logout", "", site, "same-origin"))
	require.Equal(t, 303, send("GET", "/", ""))
}

// TestGuard_Requests checks methods, sizes and paths.
func TestGuard_Requests(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	s.login(testToken)
	for _, path := range paths {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			require.Equal(t, http.StatusMethodNotAllowed, s.send(s.request(method, path, "")).Code, "%s %s", method, path)
		}
	}
	require.Equal(t, http.StatusNotFound, s.send(s.request("GET", "/logout", "")).Code)
	require.Equal(t, http.StatusRequestURITooLong, s.send(s.request("GET", "/?q="+strings.Repeat("x", maxBody), "")).Code)
	require.Equal(t, http.StatusBadRequest, s.send(s.request("POST", loginPath, "token="+strings.Repeat("x", maxBody))).Code)
	for _, path := range []string{
		"/static/../server.go", "/static/%2e%2e/server.go", "/static/..%2f..%2ftoken", "/static/", "/static/style.css/x", "/static/%2fetc%2fpasswd", "/../../etc/passwd", "//etc/passwd",
		"/host/../static", "/nothing", "/templates/hosts.html", "/static/hosts.html",
	} {
		w := s.send(s.request("GET", path, ""))
		require.Contains(t, []int{http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect}, w.Code, path)
		require.NotContains(t, w.Body.String(), "package web", path)
		require.NotContains(t, w.Header().Get("Location"), "example", path)
	}
	for _, path := range append([]string{"/static/style.css", loginPath, "/nothing"}, paths[:len(paths)-1]...) {
		h := s.send(s.request("GET", path, "")).Result().Header
		require.Equal(t, policy, h.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
		require.Equal(t, strings.HasPrefix(path, "/static/"), h.Get("Cache-Control") != "no-store", path)
	}
}

// TestGuard_Login checks that each page needs a login.
func TestGuard_Login(t *testing.T) {
	s := newSite(t, nil)
	s.fill()
	for _, cookie := range []string{"", "x", testToken} {
		s.cookie = cookie
		for _, path := range paths {
			w := s.send(s.request("GET", path, ""))
			want := http.StatusSeeOther
			if path == eventsPath {
				want = http.StatusUnauthorized
			}
			require.Equal(t, want, w.Code, path)
			require.NotContains(t, w.Body.String(), "asked", path)
		}
	}
	require.Equal(t, "/login?next=%2Fhost%3Fname%3Dweb1", s.send(s.request("GET", "/host?name=web1", "")).Header().Get("Location"))
}

func TestGuard_Proxy(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Token, o.UserHeader = "", "X-User" })
	s.fill()
	send := func(path string, users ...string) (int, string) {
		r := s.request("GET", path, "")
		for _, user := range users {
			r.Header.Add("X-User", user)
		}
		w := s.send(r)
		return w.Code, w.Body.String()
	}
	code, page := send("/", "alice <b>")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, page, "<p>alice &lt;b&gt;</p>")
	require.NotContains(t, page, "Log out")
	for _, users := range [][]string{nil, {""}, {"a", "b"}, {strings.Repeat("x", 256)}, {"a\x00b"}, {"a\u202eb"}} {
		code, page := send("/", users...)
		require.Equal(t, http.StatusUnauthorized, code, "%q", users)
		require.NotContains(t, page, "web1")
	}
	s.cookie = "x"
	code, _ = send(loginPath)
	require.NotEqual(t, http.StatusOK, code, "there is no login")
	w := s.login("")
	require.Empty(t, w.Result().Cookies())
}
