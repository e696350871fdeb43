package browser

import (
	"slices"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/wire"
)

// Request asks for data. The loader answers the newest request of each lane, and may leave out older ones.
type Request struct {
	Lane Lane
	// Number grows with each request. An answer has the number of its request.
	Number uint64
	// One of these is set.
	Search  *SearchPage
	Load    *View
	Files   *FilesQuery
	Preview *PreviewQuery
}

// Lane is a kind of request of which only the newest counts.
type Lane int

// The lanes.
const (
	LaneList Lane = iota
	LaneLoad
	LanePreview

	LaneCount
)

// SearchPage asks for a page of the search results.
type SearchPage struct {
	Words []string
	Filters
	Sort string
	Page int
	// Fresh means that the words, the filters, the order or the data have changed since the pages before it.
	Fresh bool
}

// FilesQuery asks for the packages with files of these names.
type FilesQuery struct{ Words []string }

// PreviewQuery asks for a tab of the preview of a package.
type PreviewQuery struct {
	View  View
	Tab   Tab
	Row   Row
	Width int
	// Fetch means that the user has asked for what the tab only fetches or copies on request.
	Fetch bool
}

// isSame reports whether two requests are for the same tab of the same package.
func (q *PreviewQuery) isSame(other *PreviewQuery) bool {
	return q.Tab == other.Tab && q.Row.Key == other.Row.Key
}

// AURFilter says what a search does with the packages of the AUR.
type AURFilter int

// The filters for the AUR.
const (
	WithAUR AURFilter = iota
	WithoutAUR
	OnlyAUR

	aurFilterCount
)

// Filters restricts lists.
type Filters struct {
	AUR                 AURFilter
	Repo                string // only this repository; empty for all
	Installed, Explicit bool
}

// Request returns the search for words within the filters. Without words, each package matches.
func (f *Filters) Request(words []string) *wire.SearchRequest {
	r := &wire.SearchRequest{Words: slices.Clone(words), NoAUR: f.AUR == WithoutAUR, OnlyAUR: f.AUR == OnlyAUR}
	if f.Repo != "" {
		r.Repos = []string{f.Repo}
	}
	if f.Installed {
		r.Words = append(r.Words, "is:installed")
	}
	if f.Explicit {
		r.Words = append(r.Words, "is:explicit")
	}
	r.AllRepos = len(r.Words) == 0
	return r
}

// Answer is the answer to a request.
type Answer struct {
	*Request
	// Rows and Total are those of a list; More means that there are more rows than Rows has, and that their number is unknown.
	Rows  []Row
	Total int
	More  bool
	// Note says what is missing in the answer. Repos lists the repositories.
	Note  string
	Repos []string
	// Page is the content of the preview.
	Page Page
	// Fail is why there is no answer; empty if there is one.
	Fail string
}

// Page is the content of a tab of the preview.
type Page struct {
	Lines []styled.Line
	// Targets holds the package that each line is about; "" for none. It is nil or as long as Lines.
	Targets []string
}
