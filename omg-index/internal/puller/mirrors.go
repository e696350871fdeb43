package puller

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

const (
	mirrorsName = "mirrors.json"
	// maxMirrorsBytes is the maximum size of the file about the mirrors. Two signatures of each mirror are the largest part.
	maxMirrorsBytes = 1 << 20
	// MaxMirrors is the maximum number of mirrors.
	MaxMirrors = 16

	// firstPenalty is the time for which a mirror is asked last after it has failed. It doubles with each further failure, up to
	// maxPenalty.
	firstPenalty = time.Minute
	maxPenalty   = 24 * time.Hour

	// maxWait is how long a pull waits for all servers together, an equal part for each. A server that is as slow as it may be would
	// otherwise keep a pull from asking the next one until omgd ends it, which is after ten minutes. What has arrived is kept.
	maxWait = 8 * time.Minute
)

// mirrorRecord is what is remembered about a mirror.
type mirrorRecord struct {
	// Failures is the number of failures after the last success. Until AskedLastUntil, in Unix seconds, the other mirrors are asked first.
	Failures       int    `json:"failures,omitempty"`
	AskedLastUntil int64  `json:"asked_last_until,omitempty"`
	LastError      string `json:"last_error,omitempty"`
	// Signatures has the signatures that this mirror has sent, by their names.
	Signatures map[string]keptSignature `json:"signatures,omitempty"`

	failed bool // in this pull
}

// keptSignature is a signature with the values for the next conditional request.
type keptSignature struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Content      []byte `json:"content"`
}

// fail records that a mirror has failed, unless this machine has: its disk may be full.
func (p *puller) fail(m Mirror, err error) {
	if _, isWeb := m.Fetcher.(*Web); isWeb && errors.As(err, new(*fs.PathError)) {
		return
	}
	p.record(m).fail(err, p.options.Now)
}

// refuse adds the first reason why a mirror was not used to the result.
func (p *puller) refuse(m Mirror, err error) {
	name := m.Name + ": "
	if !slices.ContainsFunc(p.result.Refused, func(text string) bool { return strings.HasPrefix(text, name) }) {
		p.result.Refused = append(p.result.Refused, name+err.Error())
	}
}

// fail records that a mirror has failed, once in each pull.
func (r *mirrorRecord) fail(err error, now time.Time) {
	if r.failed {
		return
	}
	r.failed = true
	pause := firstPenalty << min(r.Failures, 20)
	var refused *fetch.StatusError
	if errors.As(err, &refused) {
		pause = max(pause, refused.RetryAfter)
	}
	r.Failures++
	r.AskedLastUntil, r.LastError = now.Add(min(pause, maxPenalty)).Unix(), err.Error()
}

// succeed records that a mirror had a manifest or an object.
func (r *mirrorRecord) succeed() { r.Failures, r.AskedLastUntil, r.LastError = 0, 0, "" }

// readMirrors reads the file about the mirrors. If it is missing or damaged, nothing is known about them.
func (p *puller) readMirrors() error {
	p.records = map[string]*mirrorRecord{}
	file, _, err := sourcefile.Open(filepath.Join(p.dir, mirrorsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, maxMirrorsBytes, p.options.IsTrusted)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	read := map[string]*mirrorRecord{}
	if json.Unmarshal(content, &read) != nil {
		return nil
	}
	for _, m := range p.mirrors {
		if r := read[m.Name]; r != nil {
			p.records[m.Name] = r
		}
	}
	return nil
}

// prepareMirrors gives each mirror its record, and puts those last that have failed, the first to be asked again first.
func (p *puller) prepareMirrors() {
	now := p.options.Now
	askedLast := func(m Mirror) int64 {
		until := p.record(m).AskedLastUntil
		if until > now.Add(maxPenalty).Unix() { // the clock was wrong
			return 0
		}
		return max(until-now.Unix(), 0)
	}
	slices.SortStableFunc(p.mirrors, func(a, b Mirror) int { return cmp.Compare(askedLast(a), askedLast(b)) })
	for _, m := range p.mirrors {
		if w, ok := m.Fetcher.(*Web); ok {
			w.dir, w.record = p.dir, p.record(m)
			w.timeLeft = cmp.Or(p.options.maxWait, maxWait) / time.Duration(len(p.mirrors))
			if w.record.Signatures == nil {
				w.record.Signatures = map[string]keptSignature{}
			}
		}
	}
}

// record returns the record of a mirror.
func (p *puller) record(m Mirror) *mirrorRecord {
	if p.records[m.Name] == nil {
		p.records[m.Name] = &mirrorRecord{}
	}
	return p.records[m.Name]
}

// writeMirrors replaces the file about the mirrors.
func (p *puller) writeMirrors() error {
	content, err := json.MarshalIndent(p.records, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(p.dir, mirrorsName), append(content, '\n'), atomicfile.Options{Mode: 0o644})
}
