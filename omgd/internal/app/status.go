package app

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// statusKeeper saves the status after each refresh, in the store and in the status file. The store keeps the
// status for the next start and for the history. Prompts read the status file.
type statusKeeper struct {
	store *store.Store
	// storedStatus is the status that the previous omgd has stored; nil if it has stored none.
	storedStatus *wire.StatusResult
	lastCounts   string // the counts of the last complete status, encoded; each change of these counts adds an entry to the history
	path         string // the path of the status file
	write        func(string, statusfile.Status) error
	// refreshInterval returns the time between two refreshes, which is written to the status file.
	refreshInterval func() time.Duration
	// otherProblems returns all problems that the snapshot does not contain.
	otherProblems  func() []wire.Problem
	snapshotHolder *state.Holder
	log            *slog.Logger

	fileMu           sync.Mutex // guards the following fields; locked while the status file is written or removed
	removed          bool       // set by removeFile: the status file is not written any more
	fileWriteFailure string     // why the last write of the status file failed; empty if it succeeded
}

// newStatusKeeper opens the store in the data directory. The path of the status file follows from the path of
// the socket.
func newStatusKeeper(o options, socket string, holder *state.Holder) *statusKeeper {
	limits := o.store
	limits.MemorySize = int64(o.config.Memory.MaxStoreCacheBytes)
	// Closing the store is a part of the shutdown. Opening it may take as long as a shutdown, because omgd stops only when it is open.
	shutdown := time.Duration(o.config.Limits.ShutdownTimeout)
	limits.OpenTimeout, limits.CloseTimeout = cmp.Or(limits.OpenTimeout, shutdown), cmp.Or(limits.CloseTimeout, shutdown/5)
	k := &statusKeeper{
		store: store.Open(filepath.Join(o.data, store.DirName), limits, o.log),
		path:  o.env.StatusFile(socket), write: statusfile.Write, snapshotHolder: holder, log: o.log,
	}
	if o.isSystemWide {
		k.write = statusfile.WriteWorldReadable
	}
	if e, ok := k.store.LastStatus(); ok {
		var r wire.StatusResult
		if err := msgpack.Unmarshal(e.Status, &r); err == nil {
			k.storedStatus = &r
		}
		if last := k.history(1); len(last) == 1 {
			k.lastCounts = encodeCounts(&last[0].Counts)
		}
	}
	return k
}

// previousStatus returns a copy of the status that the previous omgd has stored, or nil if it has stored none.
func (k *statusKeeper) previousStatus() *wire.StatusResult {
	if k.storedStatus == nil {
		return nil
	}
	r := *k.storedStatus
	return &r
}

// history returns the last n changes of the counts, the oldest first.
func (k *statusKeeper) history(n int) []wire.CountsHistoryEntry {
	entries := k.store.History(n)
	list := make([]wire.CountsHistoryEntry, 0, len(entries))
	for _, e := range entries {
		var r wire.StatusResult
		if msgpack.Unmarshal(e.Status, &r) == nil {
			list = append(list, wire.CountsHistoryEntry{At: e.At.Unix(), Counts: r.Counts})
		}
	}
	return list
}

// problems returns the problems of the store and of the status file.
func (k *statusKeeper) problems() (list []wire.Problem) {
	if state, why := k.store.State(); state != "ok" {
		list = append(list, wire.Problem{Name: "store", State: state, Why: why})
	}
	k.fileMu.Lock()
	defer k.fileMu.Unlock()
	if k.fileWriteFailure != "" {
		list = append(list, wire.Problem{Name: "status file", State: "failed", Why: k.fileWriteFailure})
	}
	return list
}

// onRefresh saves the current status. The goroutine that refreshes calls it after every refresh. While an
// index is being built, the status is incomplete, and onRefresh does not store it.
func (k *statusKeeper) onRefresh() {
	st, release, err := k.snapshotHolder.Acquire()
	if err != nil {
		return
	}
	defer release()
	r, err := st.Status()
	if err != nil {
		k.log.Error("cannot compute the status", "err", err)
		return
	}
	if !st.HasBuildingIndex() {
		k.save(r)
	}
	if r.ConfirmedAt == 0 {
		return // no successful check yet: write no file, so that prompts show nothing
	}
	r.Problems = append(r.Problems, k.otherProblems()...)
	file := toFileStatus(r, k.refreshInterval())
	file.RuntimeVersions = runtimeVersions(st.Inputs().SystemRuntimes)
	if err := k.writeFile(file); err != nil {
		k.log.Warn("status file not written", "err", err)
	}
}

// save stores a status. Counts of a partial or stale status are not added to the history.
func (k *statusKeeper) save(r *wire.StatusResult) {
	encoded, err := msgpack.Marshal(r)
	counts := k.lastCounts
	if !r.Partial && !r.Stale {
		counts = encodeCounts(&r.Counts)
	}
	if err == nil {
		err = k.store.PutStatus(encoded, time.Unix(r.ConfirmedAt, 0), counts != k.lastCounts)
	}
	if err != nil {
		k.log.Warn("status not stored", "err", err)
	}
	k.lastCounts = counts
}

// encodeCounts encodes the counts whose changes the history records. It leaves out the findings, which are unknown after each start.
func encodeCounts(c *wire.Counts) string {
	recorded := *c
	recorded.AURFindings = nil
	b, err := msgpack.Marshal(&recorded)
	if err != nil {
		return ""
	}
	return string(b)
}

// toFileStatus converts a status to the form of the status file. Counts of a stale status become unknown,
// because a prompt has no room for the age of a count.
func toFileStatus(r *wire.StatusResult, interval time.Duration) statusfile.Status {
	number := func(n *uint32, name string) statusfile.Number {
		if n == nil || r.Stale {
			return statusfile.Number{}
		}
		number := statusfile.NewNumber(int(*n))
		number.Partial = slices.Contains(r.PartialCounts, name)
		return number
	}
	ok := func(kind wire.SourceKind) bool {
		s := wire.FindSourceByKind(r.Sources, kind)
		return s != nil && s.State == wire.SourceOK
	}
	c := &r.Counts
	var degraded statusfile.DegradedParts
	for _, p := range r.Problems {
		if wire.ProblemDegrades(&p) {
			degraded |= statusfile.ParseDegradedPart(p.Name)
		}
	}
	s := statusfile.Status{
		Installed: number(c.Installed, "installed"), Explicit: number(c.Explicit, "explicit"),
		Orphans: number(c.Orphans, "orphans"), Updates: number(c.Updates, "updates"),
		RefreshedAt: time.Unix(r.ConfirmedAt, 0), Interval: interval, UpdatesAsOf: updatesAsOf(r), Degraded: degraded,
	}
	if n := c.Security; n != nil && ok(wire.KindTracker) {
		// The repositories decide only which advisories can be fixed, not how many advisories there are. So
		// only the counts Fixable and Affected are partial if a repository cannot be read.
		of := func(n *uint32) statusfile.Number { return number(n, "") }
		byRepository := func(n *uint32) statusfile.Number { return number(n, "security") }
		s.Vulnerabilities = of(&n.Vulnerabilities)
		s.Security = statusfile.Security{
			Critical: of(&n.Critical), High: of(&n.High), Medium: of(&n.Medium), Low: of(&n.Low), UnknownSeverity: of(&n.Unknown),
			Fixable: byRepository(&n.Fixable), InTesting: of(&n.InTesting), Affected: byRepository(&n.Affected), Unconfirmed: of(&n.Unconfirmed),
		}
	}
	if ok(wire.KindAUR) {
		s.AURUpdates = number(c.AURUpdates, "aur_updates")
	}
	if n := c.AURFindings; n != nil {
		of := func(n *uint32) statusfile.Number { return number(n, "aur_findings") }
		s.AURFindings = statusfile.AURFindings{Act: of(&n.Act), Look: of(&n.Look), Note: of(&n.Note)}
	}
	return s
}

// updatesAsOf returns the time at which the databases that contain the updates were up to date. It returns
// the zero time if that time is unknown.
func updatesAsOf(r *wire.StatusResult) time.Time {
	by := r.ComparedSources
	if by == nil {
		by = r.Sources
	}
	if at := wire.UpToDateAsOf(by); at > 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

// writeFile writes the status file. After removeFile it does nothing, because a refresh may still run during
// the shutdown.
func (k *statusKeeper) writeFile(s statusfile.Status) error {
	k.fileMu.Lock()
	defer k.fileMu.Unlock()
	if k.removed {
		return nil
	}
	err := k.write(k.path, s)
	k.fileWriteFailure = ""
	if err != nil {
		k.fileWriteFailure = err.Error()
	}
	return err
}

// removeFile removes the status file.
func (k *statusKeeper) removeFile() {
	k.fileMu.Lock()
	defer k.fileMu.Unlock()
	k.removed = true
	if err := statusfile.Remove(k.path); err != nil {
		k.log.Warn("status file not removed", "err", err)
	}
}

// close removes the status file and closes the store.
func (k *statusKeeper) close() {
	k.removeFile()
	if err := k.store.Close(); err != nil {
		k.log.Warn("store not closed", "err", err)
	}
}

// runtimeVersions returns the versions of the runtimes that are installed as packages, in the order in which
// replies list the runtimes.
func runtimeVersions(versions map[string]string) []statusfile.RuntimeVersion {
	var list []statusfile.RuntimeVersion
	for _, name := range runtimes.Names() {
		if v := versions[name]; runtimes.Showable(v) {
			list = append(list, statusfile.RuntimeVersion{Runtime: name, Version: v})
		}
	}
	return list
}
