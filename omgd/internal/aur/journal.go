package aur

import (
	"context"
	"os"
)

// JournalConfig configures the journal of what happens in the AUR.
type JournalConfig struct {
	// Path is the path of the journal. RecordedDump is the path of the dump that the journal has recorded last: another name
	// of Config.DumpPathPath, until that is replaced.
	Path, RecordedDump string
	// Record adds to the journal what happened between two dumps. The parameter old is "" if there is no earlier
	// dump. If Record fails, the next dump is compared with the same earlier dump, and nothing is lost.
	Record func(ctx context.Context, journal, old, now string) error
}

// recordChanges adds to the journal what happened since the last recorded dump, unless the last dump is recorded.
func (a *AUR) recordChanges(ctx context.Context) {
	j := &a.Journal
	now, err := os.Stat(a.DumpPath)
	if j.Record == nil || err != nil {
		return
	}
	old, earlier := j.RecordedDump, true
	if fi, err := os.Stat(j.RecordedDump); err != nil || os.SameFile(fi, now) {
		if _, missing := os.Stat(j.Path); err == nil && missing == nil {
			return
		}
		old, earlier = "", false // the journal begins
	}
	a.journalWriting.Lock()
	err = j.Record(ctx, j.Path, old, a.DumpPath)
	a.journalWriting.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			a.Log.Warn("AUR journal not written", "err", err, "compared", earlier)
		}
		return
	}
	// A link keeps this dump when the next one replaces it. If the link cannot be made, the next dump is compared with the
	// dump before this one, and what the journal has already is not added again.
	next := j.RecordedDump + ".new"
	err = os.Remove(next)
	if err == nil || os.IsNotExist(err) {
		err = os.Link(a.DumpPath, next)
	}
	if err == nil {
		err = os.Rename(next, j.RecordedDump)
	}
	if err != nil {
		a.Log.Warn("AUR dump not kept for the journal", "err", err)
	}
	_ = os.Remove(next) // rename keeps both names if they already are the same file
}
