package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"
	"unicode"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/termtext"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// The paths of pages that others lead to.
const (
	loginPath  = "/login"
	eventsPath = "/events"
)

// pages are the templates by name. Each page is inserted into the frame.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	frame := template.Must(template.New("frame").Funcs(functions).ParseFS(templateFiles, "templates/frame.html"))
	for _, name := range []string{"hosts", "host", "packages", "package", "login", "error"} {
		all[name] = template.Must(template.Must(frame.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return all
}()

// functions are those that the templates call.
var functions = template.FuncMap{
	"age":         func(now time.Time, at int64) string { return clock.FormatAge(now.Sub(time.Unix(at, 0))) },
	"ago":         func(now, at time.Time) string { return clock.FormatAge(now.Sub(at)) },
	"iso":         func(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) },
	"hostLink":    func(name string) string { return "/host?" + url.Values{"name": {name}}.Encode() },
	"packageLink": func(name string) string { return "/package?" + url.Values{"name": {name}}.Encode() },
	"number":      func(n *uint32) string { return formatNumber(uint64(*n)) },
	"count":       func(n int) string { return formatNumber(uint64(max(0, n))) },
	"sum":         formatNumber,
	"static":      func(name string) string { return static[name].link },
	"few":         func(all []string) []string { return all[:min(len(all), topSilent)] },
	"more":        func(all []string) int { return max(0, len(all)-topSilent) },
	"numberOf":    func(n *uint32, isUnsure bool) count { return count{n, isUnsure} },
	"total":       func(text, link string, t total, isHosts bool) namedTotal { return namedTotal{text, link, t, isHosts} },
	"none":        explainNone,
}

// count is a number of a host, which is nil if it is unknown. Unsure means that it may be wrong.
type count struct {
	N      *uint32
	Unsure bool
}

// namedTotal is a total with its text and the list that it leads to. IsHosts means that it counts hosts.
type namedTotal struct {
	Text, Link string
	Total      total
	IsHosts    bool
}

// explainNone says why a list of a host is empty.
func explainNone(v *inventory.Inventory, part inventory.PartName) string {
	p := v.FindPart(part)
	if p.State == inventory.PartOK || p.State == inventory.PartStale {
		return "none"
	}
	return p.String()
}

// formatNumber returns a number with its digits in groups of three: 12,000.
func formatNumber(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// page is the data of the frame.
type page struct {
	Name string
	// User is the name that a proxy has given; empty without a proxy.
	User string
	// HasLogin means that the user can log out.
	HasLogin bool
	// View is the view that the page shows; nil if the page is always the same.
	View *View
	Data any
}

// render sends a page, which is made first, so that an error in a template is not half a page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, name string, data any) {
	p := page{Name: name, HasLogin: s.options.UserHeader == "" && name != "login" && name != "error", Data: data}
	if v, ok := data.(interface{ moment() *View }); ok {
		p.View = v.moment()
	}
	if r != nil {
		p.User, _ = r.Context().Value(userKey{}).(string)
	}
	var b bytes.Buffer
	if err := pages[name].ExecuteTemplate(&b, "frame.html", p); err != nil {
		s.http.ErrorLog.Printf("error: cannot make the page %s: %v", name, err)
		http.Error(w, "The page cannot be made.", http.StatusInternalServerError)
		return
	}
	// Marks that reverse the direction of text could make a name look like another one.
	text := bytes.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && termtext.IsUnsafe(c) {
			return unicode.ReplacementChar
		}
		return c
	}, b.Bytes())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	_, _ = w.Write(text) // a client that is gone needs no answer
}

// fail sends a page with an error.
func (s *Server) fail(w http.ResponseWriter, code int, text string) {
	s.render(w, nil, code, "error", fmt.Sprintf("%s (%d)", text, code))
}

// staticFile is an embedded file. Its address has a digest of its content, so that a browser can keep it.
type staticFile struct {
	content    []byte
	kind, link string
}

var static = func() map[string]staticFile {
	all := map[string]staticFile{}
	for name, kind := range map[string]string{
		"style.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		content, err := staticFiles.ReadFile(path.Join("static", name))
		if err != nil {
			panic(err) // the build embeds them
		}
		sum := sha256.Sum256(content)
		all[name] = staticFile{content, kind, "/static/" + name + "?" + hex.EncodeToString(sum[:8])}
	}
	return all
}()

func (s *Server) sendStatic(w http.ResponseWriter, r *http.Request) {
	f, found := static[r.PathValue("name")]
	if !found {
		s.fail(w, http.StatusNotFound, "There is no such page.")
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.content)))
	_, _ = w.Write(f.content)
}

// routes returns the handler of all addresses.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{name}", s.sendStatic)
	if s.options.UserHeader == "" {
		mux.HandleFunc("GET "+loginPath, s.showLogin)
		mux.HandleFunc("POST "+loginPath, s.login)
		mux.HandleFunc("POST /logout", s.logout)
	}
	if s.options.MetricsToken != "" {
		mux.HandleFunc("GET "+metricsPath, s.metrics())
	}
	mux.HandleFunc("GET /host", s.authenticated(s.showHost))
	mux.HandleFunc("GET /packages", s.authenticated(s.showPackages))
	mux.HandleFunc("GET /package", s.authenticated(s.showPackage))
	mux.HandleFunc("GET "+eventsPath, s.authenticated(s.events))
	mux.HandleFunc("GET /", s.authenticated(s.showHosts))
	return mux
}
