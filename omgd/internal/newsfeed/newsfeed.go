// Package newsfeed downloads Arch's news, and keeps the last good reply in a file, which omg-direct reads.
package newsfeed

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/omg-arch/omg/omgd/internal/document"
	"github.com/omg-arch/omg/shared/feed"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/upstream"
	"github.com/omg-arch/omg/shared/wire"
)

// firstPause is the pause after the first failure. The pause doubles with each further failure.
const firstPause = time.Minute

// Getter downloads. fetch.Client implements it.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
}

// Config configures a Downloader.
type Config struct {
	// URL is the address of the feed.
	URL      string
	Interval time.Duration
	// StaleAfter is the age from which the news are stale.
	StaleAfter time.Duration
	// Path is the path of the file in which the news are kept.
	Path string
	// IsTrusted reports whether a user may own the file.
	IsTrusted func(uid uint32) bool
	Client    Getter
	Log       *slog.Logger
	// OnRequestDone is called after each request, when the next request is planned.
	OnRequestDone func()
}

// Downloader downloads the news, and keeps the latest.
type Downloader struct {
	*document.Downloader[snapshot.NewsData]
	Config
	items []wire.NewsItem // those of the last valid reply
}

// New returns a Downloader. The news in the file are loaded at the first use.
func New(c Config) *Downloader {
	d := &Downloader{Config: c}
	d.Downloader = document.New(document.Config{
		Interval: c.Interval, FirstRetry: firstPause, Name: "news", URL: c.URL, ErrorText: errorText, Log: c.Log, OnRequestDone: c.OnRequestDone,
	}, d)
	return d
}

func errorText(err error) string {
	if errors.Is(err, feed.ErrNotFeed) {
		return err.Error()
	}
	return fetch.ErrorText("the server of Arch's news", err)
}

// Remove removes the file with the news. It is called if the news are disabled, so that no program shows old ones.
func Remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Load implements document.Content.
func (d *Downloader) Load() (document.Kept, *snapshot.NewsData) {
	var kept document.Kept
	switch f, err := news.Read(d.Path, d.IsTrusted); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		d.Log.Warn("cannot read stored news", "err", err)
	case f.URL != d.URL:
		d.Log.Info("stored news of another feed ignored", "url", f.URL)
	default:
		d.items = f.Items
		kept = document.Kept{ETag: f.ETag, LastModified: f.LastModified, ConfirmedAt: f.ConfirmedAt}
	}
	return kept, d.newData(&kept)
}

// newData returns the news of the last valid reply.
func (d *Downloader) newData(kept *document.Kept) *snapshot.NewsData {
	return &snapshot.NewsData{Items: d.items, RepliedAt: kept.ConfirmedAt, StaleAfter: d.StaleAfter}
}

// Fields implements document.Content.
func (d *Downloader) Fields(n *snapshot.NewsData) document.Fields {
	return document.Fields{RepliedAt: &n.RepliedAt, NextRequestAt: &n.NextRequestAt, LastError: &n.LastError}
}

// Request implements document.Content.
func (d *Downloader) Request(ctx context.Context, kept *document.Kept) (*snapshot.NewsData, error) {
	var body bytes.Buffer
	reply, err := d.Client.Get(ctx, kept.Condition(upstream.News(d.URL)), &body)
	if err != nil || reply.NotModified {
		return nil, err
	}
	items, err := feed.Parse(body.Bytes(), d.URL, d.items, time.Now())
	if err != nil {
		return nil, err
	}
	d.items = items
	kept.ETag, kept.LastModified = reply.ETag, reply.LastModified
	d.Log.Info("new version of the news", "items", len(items))
	return d.newData(kept), nil
}

// Save implements document.Content.
func (d *Downloader) Save(kept *document.Kept) {
	f := &news.File{URL: d.URL, ETag: kept.ETag, LastModified: kept.LastModified, ConfirmedAt: kept.ConfirmedAt, Items: d.items}
	if err := f.Write(d.Path); err != nil {
		d.Log.Warn("news not saved", "err", err)
	}
}
