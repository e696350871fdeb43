// Package findings computes the findings about the installed packages of the AUR, each time that one of their inputs changes: the
// journal, the index of the AUR, the lists of known incidents, or the installed packages. The next snapshot contains the results.
package findings

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
	"weak"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// maxAge is the age from which findings are computed again although no input has changed: findings begin and end with time.
const maxAge = 24 * time.Hour

// Config configures a Keeper.
type Config struct {
	// JournalPath is the path of the journal. IsTrustedOwner reports whether a user may own it.
	JournalPath    string
	IsTrustedOwner func(uid uint32) bool
	// PulledJournal returns the path of the journal to read instead of the one at the path own, if one is pulled, and why the journal has no new
	// entries; empty if it has. It is nil if nothing is pulled.
	PulledJournal func(own string) (path, problem string)
	// Incidents says which lists of known incidents the installed packages are compared with.
	Incidents incidents.Sources
	// Levels are the levels in the settings.
	Levels         aurlevel.Levels
	SnapshotHolder *state.Holder
	Log            *slog.Logger
	// OnChange is called when Latest returns other findings than before.
	OnChange func()
}

// Keeper keeps the latest findings. Its methods may be called concurrently.
type Keeper struct {
	Config
	latest atomic.Pointer[snapshot.AURFindings]
	// answer is the result of the latest check; nil if only a part of the findings could be computed.
	answer atomic.Pointer[answer]
	awake  chan struct{} // has a value if the inputs have to be compared

	// Only the goroutine of Run uses the following fields.
	inputs     inputs    // the inputs of the latest findings
	computedAt time.Time // when the findings were last computed; zero if never, or if they could not be computed
	lastError  string    // why the findings could not be computed; empty if they could
}

// inputs is what findings depend on, besides the time.
type inputs struct {
	packages []aurcheck.Package
	dump     pkgindex.SourceInfo
	journal  journalFile
	lists    []sourcefile.Stamp // of the lists of incidents; zero for a file that does not exist
	// installed refers to all installed packages, which the lists of incidents are compared with. omgd keeps them as long as the local
	// database does not change; this reference does not keep them.
	installed weak.Pointer[pacmandb.Local]
}

// journalFile is the journal that is read, and why it has no new entries.
type journalFile struct {
	path, problem string
	stamp         sourcefile.Stamp // zero if there is no journal
}

// answer is the result of a check, and what it was computed from.
type answer struct {
	result *wire.AURCheckResult // without a basis
	inputs inputs
	at     time.Time
}

// New returns a Keeper without findings. Run computes them.
func New(c Config) *Keeper { return &Keeper{Config: c, awake: make(chan struct{}, 1)} }

// Latest returns the latest findings, or nil while they are unknown.
func (k *Keeper) Latest() *snapshot.AURFindings { return k.latest.Load() }

// Wake requests that the inputs are compared, and does not wait for it. It must be called after each refresh, and after each change of
// the journal.
func (k *Keeper) Wake() {
	select {
	case k.awake <- struct{}{}:
	default:
	}
}

// Run computes the findings whenever their inputs have changed, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	debug.SetPanicOnFault(true) // a mapped index that another program cuts off must not end the daemon
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.awake:
			k.update(ctx)
		}
	}
}

// update computes the findings if an input has changed, or if they are old.
func (k *Keeper) update(ctx context.Context) {
	found, answered, err := k.compute(ctx)
	if errors.Is(err, errUpToDate) || ctx.Err() != nil {
		return
	}
	k.answer.Store(answered)
	// Reading the journal and the dump leaves several megabytes that are not needed again before the next change.
	debug.FreeOSMemory()
	text := ""
	if err != nil {
		text, k.computedAt = err.Error(), time.Time{}
		// Without a journal or a dump there is nothing to log: the findings are unknown until both exist.
		if text != k.lastError && !errors.Is(err, fs.ErrNotExist) && wire.CodeOf(err) != wire.CodeNetwork {
			k.Log.Warn("findings about packages of the AUR not computed", "err", err)
		}
	}
	k.lastError = text
	if !isEqual(k.Latest(), found) {
		k.latest.Store(found)
		k.OnChange()
	}
}

// errUpToDate means that findings need not be computed again.
var errUpToDate = errors.New("the findings are up to date")

// compute returns the findings, or errUpToDate if they are already known or if the installed packages are being read.
func (k *Keeper) compute(ctx context.Context) (found *snapshot.AURFindings, answered *answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			k.Log.Error("panic while computing findings", "panic", p, "stack", string(debug.Stack()))
			found, answered, err = nil, nil, errors.New("internal error")
		}
	}()
	st, release, err := k.SnapshotHolder.Acquire()
	if err != nil {
		return nil, nil, errUpToDate
	}
	defer release()
	if st.HasBuildingIndex() {
		return nil, nil, errUpToDate
	}
	check, err := aurcheck.New(st.Snapshot)
	if err == nil {
		_, err = check.AddPackages(nil)
	}
	now, next := time.Now(), k.currentInputs(st.Snapshot)
	if err == nil {
		next.packages = check.Packages()
	}
	if age := now.Sub(k.computedAt); age >= 0 && age < maxAge && reflect.DeepEqual(next, k.inputs) {
		return nil, nil, errUpToDate
	}
	k.inputs, k.computedAt = next, now
	var withFindings []aurcheck.CheckedPackage
	var result *aurcheck.Result
	var reading aurcheck.JournalReading
	incomplete := true
	if err == nil {
		reading, result, err = k.readEvents(ctx, check, &next.journal, now)
	}
	if err == nil {
		withFindings, incomplete = result.Packages, aurcheck.LacksEvents(&reading, result, now.Unix())
	}
	lists := k.Incidents.Read(now)
	withFindings = aurcheck.AddIncidents(withFindings, lists, st.Inputs().Local.Packages, nil, now)
	checked := next.packages
	withFindings, scriptletErr := aurcheck.AddScriptlets(withFindings, st.Snapshot, nil)
	withFindings = aurcheck.ApplyLevels(withFindings, k.Levels)
	incomplete = incomplete || scriptletErr != nil
	if err != nil {
		if len(withFindings) == 0 {
			return nil, nil, err
		}
		checked = nil // only the lists and the scriptlets are known
	}
	if err == nil && scriptletErr == nil {
		answered = &answer{aurcheck.NewAnswer(check, result, next.journal.path, &reading, withFindings, lists), next, now}
	}
	incomplete = incomplete || slices.ContainsFunc(lists, func(l incidents.State) bool { return l.Problem != "" })
	return &snapshot.AURFindings{Marks: aurcheck.NewMarks(checked, withFindings), Incomplete: incomplete}, answered, nil
}

// Check returns the result of the latest check, if it was computed from what the snapshot contains, and from the current files of the
// journal and the lists of incidents. Otherwise the error says that the findings are not ready; they are then computed in the background.
func (k *Keeper) Check(s *snapshot.Snapshot) (*wire.AURCheckResult, error) {
	answered := k.answer.Load()
	if answered == nil {
		return nil, wire.Errorf(wire.CodeNotReady, "the findings about packages of the AUR are not computed yet")
	}
	now := k.currentInputs(s)
	now.packages = answered.inputs.packages
	foreign, err := s.Installed(&wire.InstalledRequest{Filter: wire.FilterForeign})
	if err != nil {
		return nil, err
	}
	isSame := slices.EqualFunc(foreign.Packages, answered.inputs.packages, func(p *pacmandb.Installed, checked aurcheck.Package) bool { return p.Name == checked.Name })
	if age := time.Since(answered.at); !isSame || age < 0 || age >= maxAge || !reflect.DeepEqual(now, answered.inputs) {
		k.Wake()
		return nil, wire.Errorf(wire.CodeNotReady, "the findings about packages of the AUR are being computed")
	}
	result := *answered.result
	result.Basis = *aurcheck.BasisWithAUR(s, &foreign.Basis)
	return &result, nil
}

// currentInputs returns the inputs of findings, except for the packages to check.
func (k *Keeper) currentInputs(s *snapshot.Snapshot) (in inputs) {
	if s.HasAUR() {
		in.dump, _ = s.Inputs().AUR.Index.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	}
	in.journal.path = k.JournalPath
	if k.PulledJournal != nil {
		in.journal.path, in.journal.problem = k.PulledJournal(k.JournalPath)
	}
	in.journal.stamp, _ = sourcefile.StampOfPath(in.journal.path)
	for _, path := range k.Incidents.Paths() {
		stamp, _ := sourcefile.StampOfPath(path)
		in.lists = append(in.lists, stamp)
	}
	in.installed = weak.Make(s.Inputs().Local.Packages)
	return in
}

// readEvents reads the journal, and returns the findings that follow from it and from the dump.
func (k *Keeper) readEvents(
	ctx context.Context, check *aurcheck.Check, from *journalFile, now time.Time,
) (reading aurcheck.JournalReading, result *aurcheck.Result, err error) {
	reading, err = aurcheck.ReadJournal(from.path, k.IsTrustedOwner, func(e *journal.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return check.AddEvents(e)
	})
	if err != nil {
		return reading, nil, err
	}
	reading.AddProblem(from.problem)
	return reading, check.Finish(&reading, now.Unix()), nil
}

// isEqual reports whether the snapshots with these findings would give the same answers.
func isEqual(a, b *snapshot.AURFindings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Incomplete == b.Incomplete && maps.EqualFunc(a.Marks, b.Marks, func(a, b *wire.AURMark) bool {
		return a == b || a != nil && b != nil && a.Level == b.Level && slices.Equal(a.Reasons, b.Reasons)
	})
}
