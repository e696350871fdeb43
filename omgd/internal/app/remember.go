package app

import (
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

// memory keeps what outlives a state: the status in the store, for the next
// start, and in the file that prompts read.
type memory struct {
	store *store.Store
	// start is the status that the last omgd left; its counts are what the
	// history goes on from.
	start *wire.StatusResult
	last  string // encoded counts of the last status
	path  string // of the status file
	write func(string, statusfile.Status) error
	// interval is how often it is written.
	interval func() time.Duration
	state    *state.Holder
	log      *slog.Logger

	fileMu  sync.Mutex // held while the file is written or removed
	removed bool       // the daemon ends: the file is not written again
}

// newMemory opens the store in the data directory. The status file lies beside
// the socket.
func newMemory(o options, socket string, holder *state.Holder, log *slog.Logger) *memory {
	limits := o.store
	limits.Memory = int64(o.config.Memory.Store)
	m := &memory{
		store: store.Open(filepath.Join(o.data, store.Name), limits, log),
		path:  o.env.Status(socket), write: statusfile.Write, state: holder, log: log,
	}
	if e, ok := m.store.LastStatus(); ok {
		var r wire.StatusResult
		if err := msgpack.Unmarshal(e.Status, &r); err == nil {
			m.start = &r
			m.last = encodedCounts(r.Counts)
		}
	}
	return m
}

// remembered is a copy of the status that the last omgd left, nil for none.
func (m *memory) remembered() *wire.StatusResult {
	if m.start == nil {
		return nil
	}
	r := *m.start
	return &r
}

// parts are what status says of the store.
func (m *memory) parts() []wire.Part {
	if state, why := m.store.State(); state != "ok" {
		return []wire.Part{{Name: "store", State: state, Why: why}}
	}
	return nil
}

// refreshed remembers the current state. It is called after every refresh, by the
// one goroutine that refreshes.
func (m *memory) refreshed() {
	st, _ := m.state.Acquire()
	if st == nil {
		return
	}
	defer st.Release()
	data := st.Data
	data.At = m.state.Checked.Load()
	var r wire.StatusResult
	var encoded []byte
	err := data.Status(func(b []byte, _ bool) error {
		encoded = append([]byte(nil), b...)
		return msgpack.Unmarshal(b, &r)
	})
	if err != nil {
		m.log.Error("cannot encode the status", "err", err)
		return
	}
	counts := encodedCounts(r.Counts)
	if err := m.store.PutStatus(encoded, time.Unix(r.At, 0), counts != m.last); err != nil {
		m.log.Warn("cannot store the status", "err", err)
	}
	m.last = counts
	if r.At == 0 {
		return // nothing was ever found right: prompts know that nothing is known
	}
	file := fileStatus(&r, m.interval())
	file.System = systemVersions(data.SystemRuntimes)
	if err := m.writeFile(file); err != nil {
		m.log.Warn("cannot write the status file", "err", err)
	}
}

func encodedCounts(c wire.Counts) string {
	b, err := msgpack.Marshal(&c)
	if err != nil {
		return ""
	}
	return string(b)
}

// fileStatus is what the status file says of a status. What could not be checked
// again is not known to it: a prompt has no room for "as of".
func fileStatus(r *wire.StatusResult, interval time.Duration) statusfile.Status {
	number := func(n *uint32) statusfile.Number {
		if n == nil || r.Stale {
			return statusfile.Number{}
		}
		return statusfile.Count(int(*n))
	}
	c := r.Counts
	var vulnerabilities statusfile.Number
	var security statusfile.Security
	tracker := slices.IndexFunc(r.Sources, func(s wire.Source) bool { return s.Name == wire.SourceTracker })
	if c.Security != nil && tracker >= 0 && r.Sources[tracker].State == wire.SourceOK {
		n := c.Security
		vulnerabilities = number(&n.Vulnerabilities)
		security = statusfile.Security{
			Critical: number(&n.Critical), High: number(&n.High), Medium: number(&n.Medium), Low: number(&n.Low), Unjudged: number(&n.Unknown),
			Fixable: number(&n.Fixable), InTesting: number(&n.InTesting), Affected: number(&n.Affected), Unconfirmed: number(&n.Unconfirmed),
		}
	}
	var aur statusfile.Number
	if slices.ContainsFunc(r.Sources, func(s wire.Source) bool { return s.Name == wire.SourceAUR && s.State == wire.SourceOK }) {
		aur = number(c.AURUpdates)
	}
	return statusfile.Status{
		AURUpdates: aur,
		Installed:  number(c.Installed), Explicit: number(c.Explicit), Orphans: number(c.Orphans), Updates: number(c.Updates),
		Vulnerabilities: vulnerabilities, Security: security,
		At: time.Unix(r.At, 0), Interval: interval, UpdatesAsOf: updatesAsOf(r),
	}
}

// updatesAsOf is when the databases that updates are counted by were current, the
// zero time if that is not known.
func updatesAsOf(r *wire.StatusResult) time.Time {
	by := r.Compared
	if by == nil {
		by = r.Sources
	}
	if at := wire.Current(by); at > 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

// close ends a clean run: the status file goes, the store stays.
func (m *memory) close() {
	m.forget()
	if err := m.store.Close(); err != nil {
		m.log.Warn("cannot close the store", "err", err)
	}
}

// writeFile writes the status file, unless it was removed at the daemon's end: a
// refresh may still be running then.
func (m *memory) writeFile(s statusfile.Status) error {
	m.fileMu.Lock()
	defer m.fileMu.Unlock()
	if m.removed {
		return nil
	}
	return m.write(m.path, s)
}

// forget removes the status file.
func (m *memory) forget() {
	m.fileMu.Lock()
	defer m.fileMu.Unlock()
	m.removed = true
	if err := statusfile.Remove(m.path); err != nil {
		m.log.Warn("cannot remove the status file", "err", err)
	}
}

// systemVersions are the runtimes that are packages of the system, in the order of
// answers.
func systemVersions(versions map[string]string) []statusfile.Version {
	var list []statusfile.Version
	for _, name := range runtimes.Names() {
		if v := versions[name]; runtimes.Showable(v) {
			list = append(list, statusfile.Version{Runtime: name, Version: v})
		}
	}
	return list
}
