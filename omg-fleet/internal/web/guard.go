package web

import (
	"context"
	"net"
	"net/http"
	"strings"
	"unicode"
)

// policy allows the page its own style sheet and script, and nothing else: no inline code, no other server, no frame around it. A script
// cannot turn text into elements.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard checks what concerns all requests, and sets the headers of all answers.
func (s *Server) guard(next http.Handler) http.Handler {
	// A form of another page, or one of another port of this machine, must not act for the user.
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, http.StatusForbidden, "The request comes from another page.")
	}))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.isOwnHost(r.Host):
			// With DNS rebinding, a page of another name could otherwise read the answers.
			s.fail(w, http.StatusMisdirectedRequest, "This server does not serve this host name. --host-name allows one.")
		case !isFromHere(r):
			s.fail(w, http.StatusForbidden, "The request comes from another page.")
		case len(r.URL.RawQuery) > maxBody:
			s.fail(w, http.StatusRequestURITooLong, "The address is too long.")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// isOwnHost reports whether a Host header has an allowed name. An allowed name without a port allows all ports.
func (s *Server) isOwnHost(host string) bool {
	host = strings.ToLower(host)
	if s.hosts[host] {
		return true
	}
	name, _, err := net.SplitHostPort(host)
	return err == nil && (s.hosts[name] || s.hosts["["+name+"]"])
}

// isFromHere reports whether a request comes from a page of this server, or is one that a link or the address bar of a browser starts.
// Programs that are no browsers do not send these headers.
func isFromHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// userKey is the key of the user's name in the context of a request.
type userKey struct{}

// authenticated calls the handler next only for requests of a user who has logged in.
func (s *Server) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := s.options.UserHeader; name != "" {
			user := r.Header.Values(name)
			if len(user) != 1 || user[0] == "" || len(user[0]) > 255 || strings.ContainsFunc(user[0], isOdd) {
				s.fail(w, http.StatusUnauthorized, "The proxy has not named a user.")
				return
			}
			next(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user[0])))
			return
		}
		if !s.sessions.isValid(r) {
			if r.Method == http.MethodGet && r.URL.Path != eventsPath {
				http.Redirect(w, r, loginAddress(r.URL.RequestURI()), http.StatusSeeOther)
				return
			}
			s.fail(w, http.StatusUnauthorized, "Log in first.")
			return
		}
		next(w, r)
	}
}

func isOdd(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
