package loader

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/newsmarks"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// maxTransactions and maxEvents are the maximum numbers of transactions and events that are shown: the last ones.
	maxTransactions = 200
	maxEvents       = 200
)

// history adds the transactions of a package in pacman's log and, if it is not from a repository, the events of its package base in the journal
// of the AUR, the last one first.
func (l *Loader) history(ctx context.Context, p *page, s *subject) error {
	if !s.isInRepository() {
		if err := l.events(ctx, p, s); err != nil {
			return err
		}
		p.heading("pacman's log")
	}
	log, err := l.backend.PackageHistory(ctx, &backend.PackageHistoryRequest{Names: []string{s.name}, Limit: maxTransactions})
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		p.warn("the transactions are unknown: " + message(err))
		return nil
	}
	for i := range slices.Backward(log.Transactions) {
		p.print(func(style show.Style, w *bufio.Writer) []string {
			style.PrintTransaction(w, &log.Transactions[i])
			return nil
		})
	}
	p.omitted(log.OmittedCount)
	switch {
	case log.Partial:
		p.warn("transactions may be missing: " + log.Why)
	case len(log.Transactions) == 0:
		p.text("no transaction of " + s.name)
	}
	return nil
}

// events adds the events of a package base in the journal of the AUR.
func (l *Loader) events(ctx context.Context, p *page, s *subject) error {
	p.heading("journal of the AUR")
	var last []backend.AUREvent
	omitted := 0
	result, err := l.backend.AURLog(ctx, &backend.AURLogRequest{Names: []string{s.name}}, func(e *backend.AUREvent) error {
		if len(last) == maxEvents {
			last, omitted = last[1:], omitted+1
		}
		last = append(last, *e)
		return ctx.Err()
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		p.warn("the events are unknown: " + message(err))
		return nil
	}
	for i := range slices.Backward(last) {
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintEvent(w, &last[i]); return nil })
	}
	p.omitted(omitted)
	switch {
	case result.Incomplete || result.Partial:
		p.warn("events may be missing: " + orText(result.Problem, result.Why))
	case result.CompleteSince == nil:
		p.warn("the journal has no observation yet")
	case len(last) == 0:
		p.text("no event after " + result.CompleteSince.Local().Format("2006-01-02 15:04"))
	}
	return nil
}

func orText(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// news adds the items of Arch's news that have the name of a package or of its package base and, if sinceUpgrade is set, those that are newer than
// the last full upgrade.
func (l *Loader) news(ctx context.Context, p *page, s *subject, sinceUpgrade bool) error {
	result, err := l.backend.News(ctx)
	if err != nil {
		return err
	}
	if source := wire.FindSourceByKind(result.Sources, wire.KindNews); source != nil && (source.State != wire.SourceOK || source.Why != "") {
		p.warn(show.DescribeSource(source, clock.Now()))
		if source.Unavailable() && len(result.Items) == 0 {
			return nil // which items there are is unknown
		}
	}
	marks := newsmarks.Marks{}
	if file, err := newsmarks.Open(paths.ProcessEnv()); err == nil {
		if marks, err = file.Read(); err != nil {
			p.warn("your marks of read news are not used: " + err.Error())
		}
	}
	var about, newer []show.NewsEntry
	for i := range result.Items {
		item := &result.Items[i]
		e := show.NewsEntry{NewsItem: item, Number: i + 1, IsUnread: marks.IsUnread(&item.NewsHeadline, result.UpgradedAt)}
		switch {
		case isAbout(item, s.name) || isAbout(item, s.base()):
			about = append(about, e)
		case sinceUpgrade && e.IsUnread:
			newer = append(newer, e)
		}
	}
	p.heading(fmt.Sprintf("%d of the last %d items of Arch's news have the word %s", len(about), len(result.Items), s.names()))
	p.newsItems(about)
	if !sinceUpgrade {
		return nil
	}
	if result.UpgradedAt == 0 {
		p.heading(fmt.Sprintf("%d other unread items", len(newer)))
		p.warn("when the last full upgrade was is unknown: pacman's log does not say it")
	} else {
		p.heading(fmt.Sprintf("%d other unread items since the last full upgrade", len(newer)))
	}
	p.newsItems(newer)
	return nil
}

func (p *page) newsItems(items []show.NewsEntry) {
	for i := range items {
		p.text("")
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintNewsItem(w, &items[i]); return nil })
	}
}

// names returns the name of a package and that of its package base.
func (s *subject) names() string {
	if base := s.base(); base != s.name {
		return s.name + " or " + base
	}
	return s.name
}

// isAbout reports whether an item of the news has the name of a package as a word. Names are in lower case, while the same word of a
// sentence may not be.
func isAbout(item *wire.NewsItem, name string) bool {
	return hasWord(item.Title, name) || hasWord(item.Text, name)
}

// hasWord reports whether a text has a name that is not a part of a longer name. A period or a hyphen after the name that ends a sentence is not
// a part of it.
func hasWord(text, name string) bool {
	for rest := text; name != ""; {
		i := strings.Index(rest, name)
		if i < 0 {
			break
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:i])
		after, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest[i+len(name):], ".-"))
		if !isInName(before) && !isInName(after) {
			return true
		}
		rest = rest[i+1:]
	}
	return false
}

// isInName reports whether a character can be a part of a package's name.
func isInName(c rune) bool {
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsNumber(c) || strings.ContainsRune("@._+-", c))
}
