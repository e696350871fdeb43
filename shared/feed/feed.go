// Package feed reads the feed of Arch's news, which may be hostile: its items become plain text of limited length.
package feed

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mmcdole/gofeed"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// maxDepth is the maximum depth of elements in the feed. RSS needs 4. The parser of the feed calls itself for each level.
const maxDepth = 32

// MaxBytes is the maximum size of the feed. It usually has about 50 kB.
const MaxBytes = 512 << 10

// ErrNotFeed means that the server has sent something else than a feed with items.
var ErrNotFeed = errors.New("the server of Arch's news sent no valid feed")

// Parse returns the items of a feed, the newest first. The parameter address is that of the feed. An item without a time, or with one
// in the future, has the time that it has in the list last, or otherwise the time now.
func Parse(body []byte, address string, last []wire.NewsItem, now time.Time) (items []wire.NewsItem, err error) {
	if err := checkDepth(body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFeed, err)
	}
	feed, err := parseXML(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFeed, err)
	}
	isSeen := map[string]bool{}
	for _, in := range feed.Items {
		item := convertItem(in, address)
		if isSeen[item.ID] {
			continue
		}
		isSeen[item.ID] = true
		item.PublishedAt = publishedAt(in, now)
		if item.PublishedAt == 0 {
			item.PublishedAt = now.Unix()
			if i := slices.IndexFunc(last, func(l wire.NewsItem) bool { return l.ID == item.ID }); i >= 0 {
				item.PublishedAt = min(last[i].PublishedAt, now.Unix())
			}
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: it has no items", ErrNotFeed)
	}
	slices.SortStableFunc(items, func(a, b wire.NewsItem) int { return cmp.Compare(b.PublishedAt, a.PublishedAt) })
	return items[:min(len(items), wire.MaxNewsItems)], nil
}

// checkDepth returns an error if the elements of the feed are nested too deeply.
func checkDepth(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(withoutControls(body)))
	d.Strict = false
	// Tags consist of ASCII characters in all encodings that feeds have.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for depth := 0; ; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("elements nested deeper than %d", maxDepth)
		}
	}
}

// withoutControls returns the feed without the control characters that XML does not allow. The parser of the feed ignores them too.
func withoutControls(body []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, body)
}

// parseXML parses a feed. A panic of the parser, which reads data of a server, is an error.
func parseXML(body []byte) (feed *gofeed.Feed, err error) {
	defer func() {
		if p := recover(); p != nil {
			feed, err = nil, fmt.Errorf("the parser failed: %v", p)
		}
	}()
	if gofeed.DetectFeedType(bytes.NewReader(body)) == gofeed.FeedTypeJSON {
		return nil, gofeed.ErrFeedTypeNotDetected
	}
	return gofeed.NewParser().Parse(bytes.NewReader(body))
}

// convertItem returns an item of the feed with a limited length, without its time.
func convertItem(in *gofeed.Item, address string) wire.NewsItem {
	title := cutText(termtext.Clean(strings.Join(strings.Fields(in.Title), " ")), wire.MaxNewsTitle)
	if title == "" {
		title = "(no title)"
	}
	link := webAddress(address, in.Link)
	id := in.GUID
	if id == "" {
		id = cmp.Or(link, title)
	}
	if len(id) > wire.MaxNewsID || termtext.Clean(id) != id {
		id = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(id)))
	}
	return wire.NewsItem{
		NewsHeadline: wire.NewsHeadline{ID: id, Title: title, URL: link},
		Text:         htmlText(cmp.Or(in.Content, in.Description), cmp.Or(link, address)),
	}
}

// publishedAt returns when an item was published, in Unix seconds, or 0 if the feed has no time or one in the future.
func publishedAt(in *gofeed.Item, now time.Time) int64 {
	for _, at := range []*time.Time{in.PublishedParsed, in.UpdatedParsed} {
		if at != nil && at.Unix() > 0 && !at.After(now) {
			return at.Unix()
		}
	}
	return 0
}

// webAddress returns the address of a link on the page at the address base. It returns "" unless it is an http or https address that is
// not too long.
func webAddress(base, link string) string {
	if link = strings.TrimSpace(link); link == "" || len(link) > wire.MaxNewsURL {
		return ""
	}
	from, err := url.Parse(base)
	if err != nil {
		return ""
	}
	to, err := from.Parse(link)
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil {
		return ""
	}
	text := to.String()
	if len(text) > wire.MaxNewsURL || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) {
		return ""
	}
	return text
}

// cutText shortens a text to a number of bytes. A shortened text ends with an ellipsis.
func cutText(text string, size int) string {
	const ellipsis = "…"
	if len(text) <= size {
		return text
	}
	end := size - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
