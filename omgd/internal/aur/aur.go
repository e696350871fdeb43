// Package aur gets data from the Arch User Repository (AUR). Once a day it downloads the AUR's dump and has
// an index built from it. If the user wants that, it requests the data of the installed foreign packages once an hour. For data that
// the dump lacks, it sends live queries while a client waits. If a request to the AUR fails, the last data
// stays in use, with its age.
package aur

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/snapshot"
)

// storeBucket is the bucket of this package in the store.
const storeBucket = "aur"

// Fetcher downloads. fetch.Client implements it.
type Fetcher interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
	File(ctx context.Context, r fetch.Request, path string, check func(path string) error) (fetch.Response, error)
}

// Config configures an AUR.
type Config struct {
	config.AUR
	// StaleAfter is the age from which the dump is stale. The dump is not stale before the next regular download
	// is due.
	StaleAfter time.Duration
	Fetch      Fetcher
	Store      store.ValueStore
	Log        *slog.Logger
	// DumpPath and IndexPath are the paths of the last valid dump, or of the last pack of the git archive, and its index.
	DumpPath, IndexPath string
	// OtherDumpPath is the value of DumpPath for the other value of the setting aur.source. The file is removed after the first download.
	OtherDumpPath string
	// Build builds an index file from a dump. It fails if the dump is invalid.
	Build func(ctx context.Context, dump, index string) error
	// Journal configures the journal. Without a function Record there is none.
	Journal JournalConfig
	// OnChange is called when there is new data or a new error.
	OnChange func()
	// IsReplaced reports whether the packages of the AUR are pulled from somewhere else, so that the dump must not be requested. An error
	// means that this is not known yet. If the function is nil, they are not.
	IsReplaced func() (bool, error)
	// ForeignPackages returns the names of the installed packages that are in no repository. It returns false while
	// these names are unknown.
	ForeignPackages func() ([]string, bool)
}

// AUR is the Arch User Repository as a source. Its methods may be called concurrently.
type AUR struct {
	Config
	base string
	live *liveClient
	// DumpDemands and ForeignDemands let users demand the next request for the dump, and for the data of the foreign packages.
	DumpDemands, ForeignDemands *schedule.Demands

	dumpState      atomic.Pointer[dumpRecord]
	foreignReplies atomic.Pointer[snapshot.AURReplies]
	journalWriting sync.Mutex // held while this process, or omg-index for it, writes the journal
}

// New returns an AUR with the data in the store. It downloads nothing: Run does that.
func New(c Config) (*AUR, error) {
	u, err := url.Parse(c.URL)
	if err == nil {
		err = fetch.CheckURL(u)
	}
	if err != nil {
		return nil, fmt.Errorf("aur.url: %w", err)
	}
	if err := c.checkArchiveURL(); err != nil {
		return nil, err
	}
	base := u.JoinPath("/").String()
	a := &AUR{Config: c, base: base[:len(base)-1], DumpDemands: schedule.NewDemands(), ForeignDemands: schedule.NewDemands()}
	a.live = newLiveClient(a)
	a.loadDump()
	a.loadForeignReplies()
	return a, nil
}

// checkArchiveURL checks the address of the git archive, if it is used.
func (c *Config) checkArchiveURL() error {
	if c.Source != config.AURArchive {
		return nil
	}
	u, err := url.Parse(c.ArchiveURL)
	if err == nil {
		err = fetch.CheckURL(u)
	}
	if err != nil {
		return fmt.Errorf("aur.archive_url: %w", err)
	}
	return nil
}

// Run makes the regular requests until ctx ends. Then it cancels the running live queries.
func (a *AUR) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { a.runDumpRefresh(ctx) })
	wait.Go(func() { a.runForeignRefresh(ctx) })
	<-ctx.Done()
	a.live.close()
	wait.Wait()
}
