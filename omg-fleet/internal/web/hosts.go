package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageRows is the number of rows of a page. topSilent is the number of silent hosts that are named above the list.
const (
	pageRows  = 200
	topSilent = 20
)

// hostFilters are the values of the parameter show, each with its text and with the hosts that it shows.
var hostFilters = []struct {
	Name, Text string
	has        func(*row) bool
}{
	{"", "all", func(*row) bool { return true }},
	{"silent", "not answered", (*row).IsSilent},
	{"updates", "with updates", func(r *row) bool { return r.Updates != nil && *r.Updates > 0 }},
	{"advisories", "with advisories", func(r *row) bool { return r.Advisories != nil && *r.Advisories > 0 }},
	{"findings", "with findings", func(r *row) bool { return r.Findings != nil && *r.Findings > 0 }},
	{"reboot", "that need a reboot", func(r *row) bool { return r.Reboot != nil && *r.Reboot }},
}

// hostColumn is a column of the list of hosts, with its order.
type hostColumn struct {
	Name, Text string
	// mostFirst means that the order begins with the largest number. Unknown numbers come last.
	mostFirst bool
	isNumber  bool
	compare   func(a, b *row) int
}

var hostColumns = []hostColumn{
	{"host", "Host", false, false, func(a, b *row) int { return strings.Compare(a.Host, b.Host) }},
	{"state", "State", false, false, func(a, b *row) int { return strings.Compare(string(a.State), string(b.State)) }},
	{"age", "Inventory", false, false, func(a, b *row) int { return cmp.Compare(a.At, b.At) }},
	{"packages", "Packages", true, true, func(a, b *row) int { return compareCounts(b.Packages, a.Packages) }},
	{"updates", "Updates", true, true, func(a, b *row) int { return compareCounts(b.Updates, a.Updates) }},
	{"advisories", "Advisories", true, true, func(a, b *row) int { return compareCounts(b.Advisories, a.Advisories) }},
	{"findings", "Findings", true, true, func(a, b *row) int { return compareCounts(b.Findings, a.Findings) }},
	{"reboot", "Reboot", true, false, func(a, b *row) int { return rebootRank(b) - rebootRank(a) }},
}

func compareCounts(a, b *uint32) int {
	number := func(n *uint32) int64 {
		if n == nil {
			return -1
		}
		return int64(*n)
	}
	return cmp.Compare(number(a), number(b))
}

func rebootRank(r *row) int {
	switch {
	case r.Reboot == nil:
		return 0
	case *r.Reboot:
		return 2
	}
	return 1
}

// list is what the address of a page selects of a list.
type list struct {
	path   string
	values url.Values // only known parameters
	Query  string
	Show   string
	Sort   string
	IsDown bool // the opposite order
	Page   int  // from 1
}

// parseList reads the parameters of a list. Unknown values have no effect.
func parseList(r *http.Request) list {
	q := r.URL.Query()
	l := list{path: r.URL.Path, Query: strings.TrimSpace(q.Get("q")), Show: q.Get("show"), Sort: q.Get("sort"), IsDown: q.Get("order") == "reverse", Page: 1}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 && n < 1_000_000 {
		l.Page = n
	}
	l.values = url.Values{}
	for name, value := range map[string]string{"q": l.Query, "show": l.Show, "sort": l.Sort, "name": q.Get("name"), "version": q.Get("version")} {
		if value != "" {
			l.values.Set(name, value)
		}
	}
	if l.IsDown {
		l.values.Set("order", "reverse")
	}
	return l
}

// with returns the address of the same list with other parameters, given as names and values. An empty value removes a parameter.
func (l *list) with(pairs ...string) string {
	values := url.Values{}
	for name, all := range l.values {
		values[name] = all
	}
	for i := 0; i < len(pairs); i += 2 {
		if values.Del(pairs[i]); pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return l.path
	}
	return l.path + "?" + values.Encode()
}

// pager leads to the other pages of a list.
type pager struct {
	First, Last, Total int // rows, from 1
	Previous, Next     string
}

// cut returns the rows of the page, and the pager.
func cut[R any](l *list, rows []R) ([]R, pager) {
	pages := max(1, (len(rows)+pageRows-1)/pageRows)
	page := min(l.Page, pages)
	start, end := (page-1)*pageRows, min(page*pageRows, len(rows))
	p := pager{First: start + 1, Last: end, Total: len(rows)}
	if page > 1 {
		p.Previous = l.with("page", strconv.Itoa(page-1))
	}
	if page < pages {
		p.Next = l.with("page", strconv.Itoa(page+1))
	}
	return rows[start:end], p
}

// column is the head of a column.
type column struct {
	Text, Link string
	// AriaSort is ascending, descending or empty: whether the list is sorted by this column.
	AriaSort string
	IsNumber bool
}

// filter is a choice of hosts.
type filter struct {
	Name, Text string
	IsChosen   bool
}

// hostsPage is the data of the list of hosts.
type hostsPage struct {
	*View
	List       list
	Filters    []filter
	Columns    []column
	Silent     []*row // the first silent hosts
	MoreSilent int
	SilentLink string
	Rows       []*row
	Pager      pager
}

func (s *Server) showHosts(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		s.fail(w, http.StatusNotFound, "There is no such page.")
		return
	}
	v, l := s.current(), parseList(r)
	p := hostsPage{View: v, List: l, SilentLink: "/?show=silent"}
	shown := hostFilters[0].has
	for _, f := range hostFilters {
		isChosen := f.Name == l.Show
		if p.Filters = append(p.Filters, filter{f.Name, f.Text, isChosen}); isChosen {
			shown = f.has
		}
	}
	var rows []*row
	for i := range v.rows {
		one := &v.rows[i]
		if one.IsSilent() && l.Show != "silent" {
			if len(p.Silent) < topSilent {
				p.Silent = append(p.Silent, one)
			} else {
				p.MoreSilent++
			}
		}
		if shown(one) && matchesHost(one, l.Query) {
			rows = append(rows, one)
		}
	}
	p.Columns = sortHosts(&l, rows)
	p.Rows, p.Pager = cut(&l, rows)
	s.render(w, r, http.StatusOK, "hosts", p)
}

// matchesHost reports whether the name of a host contains each word of a text.
func matchesHost(r *row, text string) bool {
	for word := range strings.FieldsSeq(text) {
		if !strings.Contains(r.Host, word) && !strings.Contains(r.Reported, word) {
			return false
		}
	}
	return true
}

// sortHosts sorts rows, which are in the order of their names, and returns the heads of the columns.
func sortHosts(l *list, rows []*row) []column {
	chosen := max(0, slices.IndexFunc(hostColumns, func(c hostColumn) bool { return c.Name == l.Sort }))
	slices.SortStableFunc(rows, func(a, b *row) int {
		if l.IsDown {
			a, b = b, a
		}
		return hostColumns[chosen].compare(a, b)
	})
	heads := make([]column, len(hostColumns))
	for i, c := range hostColumns {
		heads[i] = column{Text: c.Text, Link: l.with("sort", c.Name, "order", ""), IsNumber: c.isNumber}
		if i != chosen {
			continue
		}
		if heads[i].AriaSort = "ascending"; c.mostFirst != l.IsDown {
			heads[i].AriaSort = "descending"
		}
		if !l.IsDown {
			heads[i].Link = l.with("sort", c.Name, "order", "reverse")
		}
	}
	return heads
}
