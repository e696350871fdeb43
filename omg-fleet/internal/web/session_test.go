package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogin(t *testing.T) {
	s := newSite(t, nil)
	for _, wrong := range []string{"", "x", testToken[1:], testToken + "x", strings.ToUpper(testToken)} {
		w := s.login(wrong)
		require.Equal(t, http.StatusForbidden, w.Code)
		require.Empty(t, w.Result().Cookies())
		require.NotContains(t, w.Body.String(), testToken)
	}
	w := s.login("  " + testToken + "\n")
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/", w.Header().Get("Location"))
	cookie := w.Header().Get("Set-Cookie")
	for _, part := range []string{"__Host-", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"} {
		require.Contains(t, cookie, part)
	}
	require.NotContains(t, cookie, "Domain")
	require.NotContains(t, cookie, testToken)
	s.get("/")
	first := s.cookie
	s.login(testToken)
	require.NotEqual(t, first, s.cookie)
	s.send(s.request(http.MethodPost, "/logout", ""))
	require.Equal(t, http.StatusSeeOther, s.send(s.request(http.MethodGet, "/", "")).Code)
	s.cookie = first
	s.get("/")
	require.Empty(t, s.errors.String(), "nothing about logins is logged")
}

// TestLogin_Fixed checks that a login does not take over a cookie that the browser has got elsewhere, and that a token is accepted only in the form.
func TestLogin_Fixed(t *testing.T) {
	s := newSite(t, nil)
	const fixed = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	s.cookie = fixed
	require.Equal(t, http.StatusSeeOther, s.login(testToken).Code)
	require.NotEqual(t, fixed, s.cookie)
	s.get("/")
	s.cookie = fixed
	require.Equal(t, http.StatusSeeOther, s.send(s.request(http.MethodGet, "/", "")).Code, "it is no session")
	query := "?" + url.Values{"token": {testToken}}.Encode()
	require.Equal(t, http.StatusForbidden, s.send(s.request(http.MethodPost, loginPath+query, "next=/")).Code)
	for _, path := range []string{"/", loginPath} {
		require.Empty(t, s.send(s.request(http.MethodGet, path+query, "")).Result().Cookies(), path)
	}
	require.Empty(t, s.errors.String(), "nothing about the address is logged")
}

// TestLogin_Next checks that a login leads to a page of this server only.
func TestLogin_Next(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/": "/", "/host?name=web1": "/host?name=web1", "/?q=a%2Fb": "/?q=a%2Fb",
		"//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example/": "/", "javascript:alert(1)": "/", "evil.example": "/", "/%zz": "/",
		"\t//evil.example": "/", "/\t/evil.example": "/", "/" + strings.Repeat("x", maxBody): "/", "@evil.example": "/", "/x\r\nSet-Cookie: a=b": "/",
	} {
		require.Equal(t, want, ownPage(next), "%q", next)
	}
	s := newSite(t, nil)
	w := s.send(s.request(http.MethodPost, loginPath, url.Values{"token": {testToken}, "next": {"//evil.example"}}.Encode()))
	require.Equal(t, "/", w.Header().Get("Location"))
	require.Contains(t, s.get(loginPath+"?next=%2Fhost%3Fname%3Da"), `value="/host?name=a"`)
}

func TestLogin_Attempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		for range maxAttempts {
			require.Equal(t, http.StatusForbidden, s.login("wrong").Code)
		}
		w := s.login(testToken)
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, "20", w.Header().Get("Retry-After"))
		time.Sleep(attemptPause)
		require.Equal(t, http.StatusForbidden, s.login("wrong").Code)
		require.Equal(t, http.StatusTooManyRequests, s.login(testToken).Code)
		time.Sleep(20 * time.Second)
		require.Equal(t, http.StatusSeeOther, s.login(testToken).Code)
	})
}

func TestSessions_End(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		s.login(testToken)
		time.Sleep(sessionLifetime - time.Second)
		s.get("/")
		time.Sleep(2 * time.Second)
		require.Equal(t, http.StatusSeeOther, s.send(s.request(http.MethodGet, "/", "")).Code)
	})
}

// TestSessions_Many checks that the oldest session ends when there are too many.
func TestSessions_Many(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		s.init(testToken)
		request := func(value string) *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: cookieName, Value: value})
			return r
		}
		first := s.begin(testToken, "")
		var last string
		for range maxSessions {
			require.True(t, s.isValid(request(first)))
			time.Sleep(time.Second)
			last = s.begin(testToken, "")
		}
		require.False(t, s.isValid(request(first)))
		require.True(t, s.isValid(request(last)))
		require.Len(t, s.open, maxSessions)
		time.Sleep(sessionLifetime)
		s.begin(testToken, "")
		require.Len(t, s.open, 1)
	})
}

// TestSessions_Peer checks that a cookie is of no use to another user of this machine, nor over another network.
func TestSessions_Peer(t *testing.T) {
	var s sessions
	s.init(testToken)
	value := s.begin(testToken, "user 1000")
	for peer, want := range map[string]bool{"user 1000": true, "user 1001": false, "": false, unknownPeer: false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r = r.WithContext(contextWithPeer(r.Context(), peer))
		r.AddCookie(&http.Cookie{Name: cookieName, Value: value})
		require.Equal(t, want, s.isValid(r), peer)
	}
	require.Empty(t, s.begin(testToken, unknownPeer))
}

func TestReadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{
		testToken: testToken, " " + testToken + "\r\n": testToken, "": "", "short": "", strings.Repeat("x", maxToken): strings.Repeat("x", maxToken), strings.Repeat("x", maxToken+1): "",
		"a token on one line\nand another": "", "a token with an escape \x1b[31m": "",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		got, err := ReadToken(path)
		require.Equal(t, want, got)
		require.Equal(t, want == "", err != nil)
	}
	require.NoError(t, os.WriteFile(path, []byte(testToken), 0o600))
	require.NoError(t, os.Chmod(path, 0o604))
	_, err := ReadToken(path)
	require.ErrorContains(t, err, "all users may use "+path)
	_, err = ReadToken(t.TempDir())
	require.ErrorContains(t, err, "it is a directory")
}
