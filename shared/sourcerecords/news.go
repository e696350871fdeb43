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

// WriteNews writes the items of a file of Arch's news. The name of the source is the address of the feed, and AsOf is when its server last
// confirmed the items. An item with the identifier of a newer one is left out.
func WriteNews(out io.Writer, f *news.File) error {
	end := records.End{AsOf: f.ConfirmedAt}
	var sorted records.Sorter
	r, seen := newNewsRecord(), map[string]bool{}
	for _, item := range f.Items {
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
	return writeSorted(out, records.Head{Kind: KindNews, Name: f.URL}, &sorted, end)
}

// ReadNews reads the items of a file of Arch's news, the newest first.
func ReadNews(ctx context.Context, in io.Reader) (*news.File, error) {
	r, err := newReader(in, KindNews)
	if err != nil {
		return nil, err
	}
	f := &news.File{URL: r.Head().Name}
	record := newNewsRecord()
	err = forEach(ctx, r, func(line string) error {
		if err := record.object.Parse(line); err != nil {
			return err
		}
		item := record.NewsItem
		if item.URL != "" && !strings.HasPrefix(item.URL, "https://") && !strings.HasPrefix(item.URL, "http://") {
			return invalidf("the address %.100q", item.URL)
		}
		if !utf8.ValidString(item.ID + item.Title + item.URL + item.Text) {
			return invalidf("a text that is not UTF-8")
		}
		f.Items = append(f.Items, item)
		if err := news.CheckItems(f.Items); err != nil {
			return invalidf("%w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(f.Items, func(a, b wire.NewsItem) int { return cmp.Compare(b.PublishedAt, a.PublishedAt) })
	if f.ConfirmedAt = r.End().AsOf; f.ConfirmedAt <= 0 {
		return nil, invalidf("the news were never confirmed")
	}
	return f, nil
}
