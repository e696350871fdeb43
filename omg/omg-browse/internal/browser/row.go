package browser

import (
	"github.com/omg-arch/omg/shared/wire"
)

// Key identifies a package across views.
type Key struct {
	Name string
	// AUR distinguishes a package of the AUR from one of a repository with the same name.
	AUR bool
}

// Row is a line of a list: a package, or one of its files.
type Row struct {
	Key
	// Repo is empty if the package is installed and its repository is unknown.
	Repo, Version, Desc string
	// Installed is the installed version; empty if the package is not installed.
	Installed string
	Explicit  bool
	// Note is what the view says about the package, such as an available version or a severity. Level is how important it is.
	Note  string
	Level Level
	// Package has the fields by which a loaded list is filtered; nil in pages, which omgd has filtered.
	Package *wire.Package
	// SortBy holds a number for each further sort order of the view, and SortText the texts for these numbers, which are shown in this
	// order. A text is empty if the number is unknown.
	SortBy   [2]int64
	SortText [2]string
}

// Level is the importance of a note.
type Level int

// The levels, in ascending order.
const (
	LevelPlain Level = iota
	LevelGood
	LevelWarn
	LevelBad
)

// list is a list of rows, some of which may not be loaded.
type list interface {
	Len() int
	// At returns a row, or nil if it is not loaded.
	At(i int) *Row
}

// rowList is a list whose rows are all loaded.
type rowList []*Row

func (l rowList) Len() int      { return len(l) }
func (l rowList) At(i int) *Row { return l[i] }

const (
	// PageSize is the number of rows that are requested at once. It is more than a screen has.
	PageSize = 200
	// maxPages is the number of pages that a list keeps. With them, scrolling back needs no request.
	maxPages = 16
)

// pagedList is a list of which some pages are loaded, however long it is.
type pagedList struct {
	total int
	pages map[int][]Row
	used  []int // the numbers of the pages, the most recently used last
}

func (l *pagedList) Len() int { return l.total }

func (l *pagedList) At(i int) *Row {
	rows := l.pages[i/PageSize]
	if at := i % PageSize; at < len(rows) {
		return &rows[at]
	}
	return nil
}

// add adds a page, and drops the one that was not used for the longest time if there are too many.
func (l *pagedList) add(page int, rows []Row) {
	if l.pages == nil {
		l.pages = map[int][]Row{}
	}
	l.pages[page] = rows
	l.touch(page)
	if len(l.used) > maxPages {
		delete(l.pages, l.used[0])
		l.used = l.used[1:]
	}
}

// touch marks a page as used.
func (l *pagedList) touch(page int) {
	for i, p := range l.used {
		if p == page {
			l.used = append(l.used[:i], l.used[i+1:]...)
			break
		}
	}
	l.used = append(l.used, page)
}
