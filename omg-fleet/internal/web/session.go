package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// cookieName is the name of the cookie with the session. A browser accepts such a name only with the attribute Secure, without a domain, and
// for all paths; Secure includes http on the loopback interface, except in Safari.
const cookieName = "__Host-omg-fleet"

// Limits of sessions and attempts to log in.
const (
	maxSessions     = 1000
	sessionLifetime = 12 * time.Hour
	maxAttempts     = 10 // at once, and then one in each attemptPause
	attemptPause    = 2 * time.Second
)

// sessions are the users who have logged in. Only hashes of what their browsers send are kept.
type sessions struct {
	mu       sync.Mutex
	token    [sha256.Size]byte
	hasToken bool
	open     map[[sha256.Size]byte]session
	attempts float64 // how many are left
	counted  time.Time
}

// session is a user who has logged in, from a peer.
type session struct {
	end  time.Time
	peer string
}

func (s *sessions) init(token string) {
	s.token, s.hasToken = sha256.Sum256([]byte(token)), token != ""
	s.open = map[[sha256.Size]byte]session{}
	s.attempts, s.counted = maxAttempts, time.Now()
}

// mayTry reports whether another attempt to log in is allowed now.
func (s *sessions) mayTry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.attempts = min(maxAttempts, s.attempts+float64(now.Sub(s.counted))/float64(attemptPause))
	s.counted = now
	if s.attempts < 1 {
		return false
	}
	s.attempts--
	return true
}

// begin returns the cookie value of a new session of a peer; empty if the token is wrong.
func (s *sessions) begin(token, peer string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !s.hasToken || subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 || peer == unknownPeer {
		return ""
	}
	value := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var oldest [sha256.Size]byte
	for key, one := range s.open {
		if !now.Before(one.end) {
			delete(s.open, key)
		} else if first := s.open[oldest]; first.end.IsZero() || one.end.Before(first.end) {
			oldest = key
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
	s.open[sha256.Sum256([]byte(value))] = session{now.Add(sessionLifetime), peer}
	return value
}

// isValid reports whether a request has the cookie of a session of its peer.
func (s *sessions) isValid(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, found := s.open[sha256.Sum256([]byte(c.Value))]
	return found && time.Now().Before(one.end) && one.peer == peer(r.Context())
}

func (s *sessions) close(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(value)))
}

// loginAddress returns the address of the login page, which leads on to another page of this server.
func loginAddress(next string) string {
	if next == "/" {
		return loginPath
	}
	return loginPath + "?next=" + url.QueryEscape(next)
}

// ownPage returns a path with a query that is certainly on this server, for a text of the client.
func ownPage(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(text) < 2 || text[0] != '/' || strings.ContainsAny(text[:2], `\`) || text[1] == '/' || len(text) > maxBody/2 {
		return "/"
	}
	return u.RequestURI()
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "login", loginPage{Next: ownPage(r.URL.Query().Get("next"))})
}

// loginPage is the data of the login page.
type loginPage struct {
	Next    string
	Problem string
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "The form cannot be read.")
		return
	}
	next := ownPage(r.PostForm.Get("next"))
	if !s.sessions.mayTry() {
		w.Header().Set("Retry-After", "20")
		s.render(w, r, http.StatusTooManyRequests, "login", loginPage{next, "There were too many attempts. Wait 20 seconds."})
		return
	}
	value := s.sessions.begin(r.PostForm.Get("token"), peer(r.Context()))
	if value == "" {
		s.render(w, r, http.StatusForbidden, "login", loginPage{next, "This is not the token."})
		return
	}
	s.setCookie(w, value, sessionLifetime)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil && s.sessions.isValid(r) {
		s.sessions.close(c.Value)
	}
	s.setCookie(w, "", -time.Second)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

func (s *Server) setCookie(w http.ResponseWriter, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(lifetime / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
