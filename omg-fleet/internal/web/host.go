package web

import (
	"net/http"

	"github.com/omg-arch/omg/shared/inventory"
)

// maxListed limits the rows of each list of a host. A host may have 20,000 packages.
const maxListed = 5000

// hostPage is the data of a host.
type hostPage struct {
	*View
	Name string
	// Rows are the states of the host: one, unless it has several files.
	Rows    []*row
	Details []*inventory.Inventory
}

// showHost shows what a host has reported.
func (s *Server) showHost(w http.ResponseWriter, r *http.Request) {
	p := hostPage{View: s.current(), Name: r.URL.Query().Get("name")}
	for i := range p.rows {
		if p.rows[i].Host == p.Name {
			p.Rows = append(p.Rows, &p.rows[i])
		}
	}
	if len(p.Rows) == 0 {
		s.fail(w, http.StatusNotFound, "There is no such host.")
		return
	}
	details, err := s.fleet.Details(p.Name)
	if err != nil {
		s.fail(w, http.StatusInternalServerError, "The state of the host cannot be read.")
		return
	}
	for _, v := range details {
		v.Packages, v.Updates = first(v.Packages), first(v.Updates)
		v.Advisories, v.Findings = first(v.Advisories), first(v.Findings)
	}
	p.Details = details
	s.render(w, r, http.StatusOK, "host", p)
}

// first returns the first elements of a list that is too long for a page.
func first[E any](all []E) []E { return all[:min(len(all), maxListed)] }
