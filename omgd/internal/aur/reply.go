package aur

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/upstream"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// reply is a reply of the AUR in the form of an index in memory. It is searched like any other index.
type reply struct {
	index     *pkgindex.File
	indexData []byte
	// file is the reply to a query for a file, which has no index. It is not stored.
	file []byte
	at   time.Time
	// isIncomplete means that the reply had results that omgd cannot use. It is not stored.
	isIncomplete bool
}

// newReply returns a reply that consists of these packages. Packages that are too large for an index are left
// out, and the reply is then incomplete.
func newReply(packages []wire.Package, at time.Time) (*reply, error) {
	b := pkgindex.NewBuilder("omgd "+version.String(), at.Unix())
	source := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	source.SetFileInfo("", 0, at.Unix())
	isIncomplete := false
	for i := range packages {
		err := source.Add(&packages[i])
		if err != nil && !errors.Is(err, pkgindex.ErrRecordTooLarge) {
			return nil, err
		}
		isIncomplete = isIncomplete || err != nil
	}
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	got, err := decodeReply(data, at)
	if err == nil {
		got.isIncomplete = isIncomplete
	}
	return got, err
}

func decodeReply(data []byte, at time.Time) (*reply, error) {
	f, err := pkgindex.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	return &reply{index: f, indexData: data, at: at}, nil
}

// saveReply stores a reply, unless it is too large or a file.
func (a *AUR) saveReply(key string, answer *reply) {
	if answer.index != nil && len(answer.indexData) <= maxStoredReplyBytes {
		store.Save(a.Store, a.Log, storeBucket, key, answer.indexData, answer.at)
	}
}

// maxStoredReplyBytes is the limit of a stored reply in bytes: a few hundred packages.
const maxStoredReplyBytes = 1 << 20

// loadReply returns a stored reply, or nil if there is none.
func (a *AUR) loadReply(key string) *reply {
	data, at, ok := store.Load[[]byte](a.Store, storeBucket, key)
	if !ok {
		return nil
	}
	answer, err := decodeReply(data, at)
	if err != nil || answer.index.VerifyChecksums() != nil {
		return nil // the stored reply is in another version of the index format, or damaged
	}
	return answer
}

// ErrorText returns a short text for users that says why no query was sent to the AUR, or why the query failed.
func ErrorText(err error) string {
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return "the AUR refuses requests for now (rate limit)"
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return "the last request failed; omgd tries again soon"
	case errors.Is(err, upstream.ErrDumpRejected), errors.Is(err, ErrTooManyMatches), errors.Is(err, ErrTooShort), errors.Is(err, ErrNoFile), errors.Is(err, errNotQueried), errors.Is(err, errDailyQueryLimit), errors.Is(err, errShare):
		return err.Error()
	}
	return fetch.ErrorText("the AUR", err)
}

// ageText returns an age as a text for users.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute old"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes old", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours old", d/time.Hour)
	}
	return fmt.Sprintf("%d days old", d/(24*time.Hour))
}
