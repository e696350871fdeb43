package app

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/newsmarks"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// newsOptions holds the flags of omg news.
type newsOptions struct {
	outputOptions
	all, read bool
}

func newsCommand(a *app) *cli.Command {
	o := &newsOptions{}
	return &cli.Command{
		Name:      "news",
		Usage:     "show Arch's news that you have not read",
		ArgsUsage: "[NUMBER|TITLE...]",
		Description: `Lists the unread items of Arch's news, the newest first. An item is unread if it is newer
than the last full upgrade in pacman's log, and if you have not marked it as read. An
upgrade that did not complete does not count.

With NUMBER, the number in the list, or TITLE, a part of the title, the whole text of
these items is printed. With --read, all unread items are marked as read, or those that
are named, and their titles are printed. The marks are yours alone: omg keeps them in
$XDG_STATE_HOME/omg, and neither omgd nor other users know them.

omgd downloads the news every 6 hours, and omg sends no request. If there is no unread
item, the exit code is 1, and if nothing has been downloaded, 4.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "also list the items that are not unread"},
			&cli.BoolFlag{Name: "read", Aliases: []string{"r"}, Destination: &o.read, Usage: "mark the items as read"},
		}, o.flagsForNews()...),
		Action: func(c *cli.Context) error { return a.runNews(c, o) },
	}
}

// flagsForNews returns the flags for the form of the list.
func (o *newsOptions) flagsForNews() []cli.Flag {
	return append(o.flags("{{.number}} {{.title}}"), &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.quiet, Usage: "print titles only"})
}

// newsItem is an element of newsDocument.
type newsItem struct {
	// Number is the number of the item in the list of all items. It grows when a newer item is published.
	Number    int       `json:"number"`
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	URL       string    `json:"url,omitempty"`
	Published time.Time `json:"published"`
	// Unread means that the item is newer than the last full upgrade and not marked as read.
	Unread bool   `json:"unread"`
	Text   string `json:"text,omitempty"`
}

// newsDocument is the JSON document of omg news.
type newsDocument struct {
	Sources []wire.Source `json:"sources"`
	// Upgraded is when the last full upgrade began, or without one when pacman's log began; omitted if this is unknown.
	Upgraded *time.Time `json:"upgraded,omitempty"`
	Items    []newsItem `json:"items"`
}

func (a *app) runNews(c *cli.Context, o *newsOptions) error {
	if o.all && (o.read || c.Args().Present()) {
		return command.Usagef("--all and --read, NUMBER or TITLE exclude each other")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	result, err := a.newBackend().News(c.Context)
	if err != nil {
		return err
	}
	file, marks, err := readNewsMarks()
	if err != nil && o.read {
		return err
	}
	if err != nil {
		a.printNote("your marks of read news are not used: " + err.Error())
	}
	selected, err := selectNews(newsEntries(result, marks), o, c.Args().Slice())
	if err != nil {
		return err
	}
	if o.read && len(selected) > 0 {
		ids := make([]string, len(selected))
		for i := range selected {
			ids[i], selected[i].IsUnread = selected[i].ID, false
		}
		if err := file.Add(ids, clock.Now()); err != nil {
			return err
		}
	}
	if err := out.printNews(o, result, selected, c.Args().Present() && !o.read); err != nil {
		return err
	}
	if s := wire.FindSourceByKind(result.Sources, wire.KindNews); s != nil && (s.State != wire.SourceOK || s.Why != "") {
		a.printNote(show.DescribeSource(s, clock.Now()))
	}
	if out.isForPeople() && len(selected) > 0 {
		switch {
		case o.read:
			a.printNote("marked as read")
		case !o.all && !c.Args().Present():
			a.printNote("omg news NUMBER shows the text, omg news --read marks all as read")
		}
	}
	return out.emptyListError(&wire.Basis{}, len(selected), "no unread news: omg news --all lists all")
}

// readNewsMarks returns the file with the user's marks, and the marks.
func readNewsMarks() (*newsmarks.File, newsmarks.Marks, error) {
	file, err := newsmarks.Open(paths.ProcessEnv())
	if err != nil {
		return nil, nil, err
	}
	marks, err := file.Read()
	return file, marks, err
}

// newsEntries returns the items of the news with their numbers and marks.
func newsEntries(result *wire.NewsResult, marks newsmarks.Marks) []show.NewsEntry {
	entries := make([]show.NewsEntry, len(result.Items))
	for i := range result.Items {
		item := &result.Items[i]
		entries[i] = show.NewsEntry{NewsItem: item, Number: i + 1, IsUnread: marks.IsUnread(&item.NewsHeadline, result.UpgradedAt)}
	}
	return entries
}

// selectNews returns the items that the command line names or, if it names none, the unread ones, with --all all.
func selectNews(entries []show.NewsEntry, o *newsOptions, names []string) ([]show.NewsEntry, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(entries, func(e show.NewsEntry) bool { return !o.all && !e.IsUnread }), nil
	}
	isNamed := make([]bool, len(entries))
	for _, name := range names {
		found := false
		for i := range entries {
			if isNewsNamed(&entries[i], name, len(entries)) {
				isNamed[i], found = true, true
			}
		}
		if !found {
			return nil, &exit.Error{
				Code: exit.NotFound, Err: fmt.Errorf("no news with the number or the title %q", name), Hint: "omg news --all lists them",
			}
		}
	}
	var selected []show.NewsEntry
	for i := range entries {
		if isNamed[i] {
			selected = append(selected, entries[i])
		}
	}
	return selected, nil
}

// isNewsNamed reports whether a word of the command line names an item: by its number, or by a part of its title, ignoring case.
func isNewsNamed(e *show.NewsEntry, name string, count int) bool {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= max(count, wire.MaxNewsItems) {
		return e.Number == n // also a number beyond the list: the titles contain years and versions
	}
	return name != "" && strings.Contains(strings.ToLower(e.Title), strings.ToLower(name))
}

// printNews prints the selected items, in the form for people with their texts if withText is set.
func (o *resultPrinter) printNews(opts *newsOptions, result *wire.NewsResult, selected []show.NewsEntry, withText bool) error {
	document := newsDocument{Sources: result.Sources, Items: make([]newsItem, len(selected))}
	if result.UpgradedAt != 0 {
		at := time.Unix(result.UpgradedAt, 0).UTC()
		document.Upgraded = &at
	}
	for i, e := range selected {
		document.Items[i] = newsItem{e.Number, e.ID, e.Title, e.URL, time.Unix(e.PublishedAt, 0).UTC(), e.IsUnread, e.Text}
	}
	at := -1
	err := printList(o, &document, document.Items, func(item *newsItem) string { return item.Title }, func(w *bufio.Writer, _ *newsItem) {
		at++
		if !withText {
			o.style.PrintNewsHeadline(w, &selected[at], opts.all)
			return
		}
		if at > 0 {
			_ = w.WriteByte('\n')
		}
		o.style.PrintNewsItem(w, &selected[at])
	})
	if err == nil {
		err = o.finish()
	}
	return err
}

// unreadNews returns the items since the last full upgrade that the user has not marked as read. If the marks cannot be read, none is
// marked: omg news says why.
func unreadNews(since *wire.NewsSinceUpgrade) (unread []show.NewsEntry) {
	if since == nil || len(since.Items) == 0 {
		return nil
	}
	_, marks, _ := readNewsMarks()
	for i := range since.Items {
		if item := &since.Items[i]; marks.IsUnread(item, since.UpgradedAt) {
			unread = append(unread, show.NewsEntry{NewsItem: &wire.NewsItem{NewsHeadline: *item}, Number: i + 1, IsUnread: true})
		}
	}
	return unread
}
