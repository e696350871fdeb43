// Package upstream knows what is requested of the servers of Arch and its users: the databases of the repositories, the AUR's dump, the
// advisories, the news and the shares of machines. What is downloaded replaces an earlier file only after it was checked.
package upstream

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/feed"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/popularity"
)

const (
	dumpPath = "/packages-meta-ext-v1.json.gz"
	// maxDump is the limit of a compressed dump in bytes. The AUR's dump has about 10 MB.
	maxDump     = 128 << 20
	dumpTimeout = 30 * time.Minute
	// sharesQuery is what is requested of pkgstats: as many packages as it sends in one reply, the most popular first. It then replies with the
	// shares of the last complete month. The query is the same on every machine.
	sharesQuery = "/api/packages?limit=10000"
)

// Client downloads. fetch.Client implements it.
type Client interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
	File(ctx context.Context, r fetch.Request, path string, check func(path string) error) (fetch.Response, error)
}

// Advisories returns the request for the advisories of the security tracker at an address.
func Advisories(tracker string) fetch.Request {
	return fetch.Request{URL: strings.TrimRight(tracker, "/") + "/all.json", MaxBytes: advisories.MaxBytes}
}

// News returns the request for the feed of Arch's news at an address.
func News(address string) fetch.Request { return fetch.Request{URL: address, MaxBytes: feed.MaxBytes} }

// Shares returns the request for the shares of machines to the pkgstats at an address.
func Shares(pkgstats string) fetch.Request {
	return fetch.Request{URL: strings.TrimRight(pkgstats, "/") + sharesQuery, MaxBytes: popularity.MaxBytes}
}

// Dump returns the request for the dump of the AUR at an address. The dump is compressed itself.
func Dump(aur string) fetch.Request {
	return fetch.Request{URL: strings.TrimRight(aur, "/") + dumpPath, MaxBytes: maxDump, Timeout: dumpTimeout, KeepEncoding: true}
}
