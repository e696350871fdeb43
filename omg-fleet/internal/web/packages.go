package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// packagesPage is the data of a search for packages.
type packagesPage struct {
	*View
	List    list
	Summary *question.Summary // of a question about packages
	Problem string            // what is wrong with the search
	Rows    []resident.Package
	Pager   pager
}

// showPackages lists the packages whose names contain a text. If the text has comparisons of versions, the hosts are listed instead.
func (s *Server) showPackages(w http.ResponseWriter, r *http.Request) {
	l := parseList(r)
	if strings.ContainsAny(l.Query, "<>= ") {
		s.showHas(w, r, l)
		return
	}
	p := packagesPage{View: s.current(), List: l}
	all, err := question.Has(nil)
	if err != nil {
		s.fail(w, http.StatusInternalServerError, "The packages cannot be listed.")
		return
	}
	_, p.Summary = s.fleet.Ask(all, nil, s.options.Stale, clock.Now())
	p.Rows, p.Pager = cut(&l, s.fleet.FindPackages(l.Query))
	s.render(w, r, http.StatusOK, "packages", p)
}

// version is a bar of the chart: a version of a package, and the number of hosts that have it.
type version struct {
	Version, Link string
	Hosts         int
	// Width is the length of the bar: the share of the hosts with the package, in percent.
	Width    int
	IsChosen bool
}

// maxVersions limits the bars of a chart.
const maxVersions = 100

// packagePage is the data of a package on all hosts, and of the hosts that have packages.
type packagePage struct {
	*View
	List      list
	Name      string // of the package; empty for a search with comparisons
	Title     string
	Summary   *question.Summary // of the question about the packages
	Hosts     int
	Versions  []version
	More      int // versions without a bar
	Rows      []installed
	Pager     pager
	Silent    []question.Silent // the first
	MoreCount int
}

// HasVersion reports whether only the hosts with one version are listed.
func (l list) HasVersion() bool { return l.values.Has("version") }

// installed is a host that has a package.
type installed struct {
	resident.Answer
	Name, Version string
}

// showPackage shows the versions of a package, and the hosts that have it.
func (s *Server) showPackage(w http.ResponseWriter, r *http.Request) {
	l := parseList(r)
	p := packagePage{List: l, Name: l.values.Get("name"), Title: l.values.Get("name")}
	q, err := question.Has([]string{p.Name})
	if err != nil {
		s.fail(w, http.StatusBadRequest, "This is not the name of a package.")
		return
	}
	rows := s.askPackages(&p, q, []string{p.Name})
	p.Hosts = len(rows)
	p.addVersions(rows)
	if chosen := l.values.Get("version"); chosen != "" {
		rows = slices.DeleteFunc(rows, func(one installed) bool { return one.Version != chosen })
	}
	p.Rows, p.Pager = cut(&l, rows)
	s.render(w, r, http.StatusOK, "package", p)
}

// showHas shows the hosts that have packages in versions, as omg-fleet has does.
func (s *Server) showHas(w http.ResponseWriter, r *http.Request, l list) {
	targets := strings.Fields(l.Query)
	q, err := question.Has(targets)
	if err != nil {
		s.render(w, r, http.StatusBadRequest, "packages", packagesPage{View: s.current(), List: l, Problem: err.Error(), Summary: s.current().Summary})
		return
	}
	var names []string
	for _, target := range targets {
		if name := pacmandb.ParseDepend(target).Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	p := packagePage{List: l, Title: l.Query}
	rows := s.askPackages(&p, q, names)
	p.Hosts = p.Summary.Found
	p.Rows, p.Pager = cut(&l, rows)
	s.render(w, r, http.StatusOK, "package", p)
}

// askPackages asks for packages, and returns a row for each package on a host.
func (s *Server) askPackages(p *packagePage, q *question.Question, names []string) []installed {
	p.View = s.current()
	answers, summary := s.fleet.Ask(q, names, s.options.Stale, clock.Now())
	p.Summary = summary
	n := min(len(summary.Silent), topSilent)
	p.Silent, p.MoreCount = summary.Silent[:n], len(summary.Silent)-n
	var rows []installed
	for _, a := range answers {
		for _, one := range a.Packages {
			rows = append(rows, installed{a, one.Name, one.Version})
		}
	}
	return rows
}

// addVersions adds the bars for the versions, the newest first.
func (p *packagePage) addVersions(rows []installed) {
	counts := map[string]int{}
	for _, one := range rows {
		counts[one.Version]++
	}
	chosen := p.List.values.Get("version")
	for text, count := range counts {
		v := version{Version: text, Hosts: count, Width: max(1, count*100/len(rows)), Link: p.List.with("version", text), IsChosen: text == chosen}
		p.Versions = append(p.Versions, v)
	}
	slices.SortFunc(p.Versions, func(a, b version) int {
		if order := pacmandb.Compare(b.Version, a.Version); order != 0 {
			return order
		}
		return strings.Compare(a.Version, b.Version)
	})
	if len(p.Versions) > maxVersions {
		p.More = len(p.Versions) - maxVersions
		p.Versions = p.Versions[:maxVersions]
	}
}
