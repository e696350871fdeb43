// Package aur knows what the Arch User Repository has. It downloads the AUR's
// metadata dump once a day and has an index built of it, asks about the installed
// foreign packages once an hour, and asks while someone waits what no dump can
// tell. All of this can fail: what there was before stays, and says how old it is.
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

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/config"
)

// bucket is where the store has what is remembered here.
const bucket = "aur"

// Fetcher downloads; fetch.Client does.
type Fetcher interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Answer, error)
	File(ctx context.Context, r fetch.Request, path string, check func(path string) error) (fetch.Answer, error)
}

// Store remembers across restarts.
type Store interface {
	Put(bucket, key string, value []byte, at time.Time) error
	Get(bucket, key string) (value []byte, at time.Time, ok bool)
}

// Config says what is asked, and who is told.
type Config struct {
	config.AUR
	// Stale is how old what is known may be before it is called so.
	Stale time.Duration
	Fetch Fetcher
	Store Store
	Log   *slog.Logger
	// Dump is where the last good dump is kept, Index the index of it.
	Dump, Index string
	// Build makes an index file of a dump, and refuses what is none.
	Build func(ctx context.Context, dump, index string) error
	// Kick is called when there is something new.
	Kick func()
	// Installed returns the installed packages that no repository has; false if that
	// is not known yet.
	Installed func() ([]string, bool)
}

// AUR is the source. Its methods may be called at the same time.
type AUR struct {
	Config
	base    string
	live    *live
	dump    atomic.Pointer[dumpRecord]
	foreign atomic.Pointer[Foreign]
}

// New makes the source from what was remembered. It asks nothing before Run.
func New(c Config) (*AUR, error) {
	u, err := url.Parse(c.URL)
	if err == nil {
		err = fetch.CheckURL(u)
	}
	if err != nil {
		return nil, fmt.Errorf("aur.url: %w", err)
	}
	base := u.JoinPath("/").String()
	a := &AUR{Config: c, base: base[:len(base)-1]}
	a.live = newLive(a)
	a.recallDump()
	a.recallForeign()
	return a, nil
}

// Run asks for what is asked for regularly, until ctx is done; then it ends what
// is under way.
func (a *AUR) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { a.runDump(ctx) })
	wait.Go(func() { a.runForeign(ctx) })
	<-ctx.Done()
	a.live.close()
	wait.Wait()
}
