package sourcerecords

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// newsRecord is an item of Arch's news.
type newsRecord struct {
	wire.NewsItem
	object *records.Object
}

func newNewsRecord() *newsRecord {
	r := &newsRecord{}
	r.object = records.NewObject(
		records.Field{Name: "id", Value: &r.ID}, records.Field{Name: "published", Value: &r.PublishedAt}, records.Field{Name: "text", Value: &r.Text},
		records.Field{Name: "title", Value: &r.Title}, records.Field{Name: "url", Value: &r.URL},
	)
	return r
}

// WriteNews writes items of Arch's news, the newest first. An item with the identifier of a newer one is left out.
func WriteNews(out io.Writer, items []wire.NewsItem) error {
	var end records.End
	var sorted records.Sorter
	r, seen := newNewsRecord(), map[string]bool{}
	for _, item := range items {
		if seen[item.ID] {
			end.LeftOutCount, end.LeftOutReason = end.LeftOutCount+1, "an item occurs twice"
			continue
		}
		seen[item.ID] = true
		r.NewsItem = item
		if err := sorted.Add(item.ID, r.object.Append(nil)); err != nil {
			return err
		}
	}
	return writeSorted(out, records.Head{Kind: KindNews, Name: wire.SourceNews}, &sorted, end)
}

// ReadNews reads items of Arch's news, and returns them with the newest first. None can be newer than asOf, in Unix seconds.
func ReadNews(ctx context.Context, in io.Reader, asOf int64) ([]wire.NewsItem, error) {
	r, err := newReader(in, KindNews)
	if err != nil {
		return nil, err
	}
	var items []wire.NewsItem
	record := newNewsRecord()
	err = forEach(ctx, r, func(line string) error {
		if err := record.object.Parse(line); err != nil {
			return err
		}
		item := record.NewsItem
		if item.URL != "" && !strings.HasPrefix(item.URL, "https://") && !strings.HasPrefix(item.URL, "http://") {
			return invalidf("the address %.100q", item.URL)
		}
		if text := item.ID + item.Title + item.URL; !utf8.ValidString(text+item.Text) || strings.ContainsFunc(text, termtext.IsUnsafe) ||
			strings.ContainsFunc(item.Text, func(r rune) bool { return r != '\n' && termtext.IsUnsafe(r) }) {
			return invalidf("a text with control characters, or that is not UTF-8")
		}
		if item.PublishedAt < 1 || item.PublishedAt > asOf {
			return invalidf("its time %d is not between 1 and %d, when the news were confirmed", item.PublishedAt, asOf)
		}
		items = append(items, item)
		if err := news.CheckItems(items); err != nil {
			return invalidf("%w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(items, func(a, b wire.NewsItem) int { return cmp.Compare(b.PublishedAt, a.PublishedAt) })
	return items, nil
}
