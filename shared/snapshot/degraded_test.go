package snapshot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// outcome is the expected result of a request.
type outcome struct {
	code    wire.Code // the code of the error; 0 for a result without an error
	partial bool
	empty   bool
	why     string // if the request fails, a part of the error text; otherwise the field Why of the result
}

// request is a function that makes a request, and returns the basis of the result and its number of elements.
type request func(s *Snapshot) (wire.Basis, int, error)

func searching(r *wire.SearchRequest) request {
	return func(s *Snapshot) (wire.Basis, int, error) {
		f, err := s.Search(r)
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return f.Basis, f.Total, nil
	}
}

func lookingUp(names ...string) request {
	return func(s *Snapshot) (wire.Basis, int, error) {
		f, err := s.Info(&wire.InfoRequest{Names: names})
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return f.Basis, f.Total, nil
	}
}

func listing(filter string) request {
	return func(s *Snapshot) (wire.Basis, int, error) {
		f, err := s.Installed(&wire.InstalledRequest{Filter: filter})
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return f.Basis, len(f.Packages), nil
	}
}

// requests holds one request of each kind. The package a is in core, b is in extra, c is foreign, and d does not exist.
var requests = map[string]request{
	"search a":       searching(query("a")),
	"search b":       searching(query("b")),
	"search d":       searching(query("d")),
	"search core":    searching(query("a", "repo:core")),
	"search extra":   searching(query("b", "repo:extra")),
	"search both":    searching(query("b", "repo:extra", "repo:core")),
	"search aur":     searching(query("c", "repo:aur")),
	"info a":         lookingUp("a"),
	"info b":         lookingUp("b"),
	"info core/a":    lookingUp("core/a"),
	"info extra/b":   lookingUp("extra/b"),
	"info both":      lookingUp("core/a", "extra/b"),
	"info aur/c":     lookingUp("aur/c"),
	"installed":      listing(""),
	"explicit":       listing(wire.FilterExplicit),
	"orphans":        listing(wire.FilterOrphans),
	"foreign":        listing(wire.FilterForeign),
	"explicit names": func(s *Snapshot) (wire.Basis, int, error) { return basisOf(s.Explicit()) },
	"outdated": func(s *Snapshot) (wire.Basis, int, error) {
		r, err := s.Outdated()
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return r.Basis, len(r.Updates), nil
	},
	"security": func(s *Snapshot) (wire.Basis, int, error) {
		f, err := s.Security(&wire.SecurityRequest{})
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return f.Basis, len(f.Packages), nil
	},
	"status": func(s *Snapshot) (wire.Basis, int, error) {
		r, err := s.Status()
		if err != nil {
			return wire.Basis{}, 0, err
		}
		return r.Basis, 1, nil
	},
}

func basisOf(r *wire.ExplicitResult, err error) (wire.Basis, int, error) {
	if err != nil {
		return wire.Basis{}, 0, err
	}
	return r.Basis, len(r.Names), nil
}

// completeInputs returns inputs in which all sources could be read.
func completeInputs(t testing.TB) Inputs {
	t.Helper()
	return Inputs{
		DBPath:       "/db",
		Repositories: []IndexedSource{repository(t, "core", "a", "2-1"), repository(t, "extra", "b", "1-1")},
		AUR:          aur(t, "c", "1-1"),
		Local: local(
			installed("a", "1-1", pacmandb.ReasonExplicit), installed("b", "1-1", pacmandb.ReasonDepend), installed("c", "1-1", pacmandb.ReasonExplicit),
		),
		Tracker: tracked(about("AVG-1", "High", "1-1", "", advisories.StatusVulnerable, "b")),
	}
}

// check makes all requests and compares their outcomes with the map expected. A request that is not in the map must
// return a complete result. This result must contain elements, except that the search for d must find nothing.
func check(t *testing.T, in Inputs, expected map[string]outcome) {
	t.Helper()
	for name := range expected {
		require.Contains(t, requests, name)
	}
	s := build(t, in)
	for name, ask := range requests {
		w, named := expected[name]
		w.empty = w.empty || !named && name == "search d"
		basis, n, err := ask(s)
		if w.code != 0 {
			require.Error(t, err, name)
			require.Equal(t, w.code, wire.CodeOf(err), "%s: %v", name, err)
			require.ErrorContains(t, err, w.why, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, w.partial, basis.Partial, name)
		require.Equal(t, w.empty, n == 0, name)
		if w.why != "" {
			require.Equal(t, w.why, basis.Why, name)
		}
	}
}

// partialCountNames returns all counts of a status, and the names of the partial counts as one text, separated by spaces.
func partialCounts(t *testing.T, in Inputs) (partial string, counts wire.Counts) {
	t.Helper()
	status, err := build(t, in).Status()
	require.NoError(t, err)
	return strings.Join(status.PartialCounts, " "), status.Counts
}

// TestDegraded_Repository checks that no result is partial while every repository has an index. If a repository has no index,
// each result that this repository could change must be partial, and a request for this repository alone must fail.
func TestDegraded_Repository(t *testing.T) {
	for name, c := range map[string]struct {
		state    wire.SourceState
		outdated bool
		index    bool
		building bool
	}{
		"ok":           {wire.SourceOK, false, true, false},
		"old":          {wire.SourceStale, false, true, false},
		"last index":   {wire.SourceStale, true, true, false},
		"missing":      {wire.SourceMissing, false, false, false},
		"failed":       {wire.SourceFailed, false, false, false},
		"first index":  {wire.SourceFailed, false, false, true},
		"all is there": {},
	} {
		t.Run(name, func(t *testing.T) {
			in := completeInputs(t)
			if c.state != "" {
				extra := &in.Repositories[1]
				extra.State, extra.Outdated, extra.Building, extra.Why = c.state, c.outdated, c.building, "core.db: some reason"
				if !c.index {
					extra.Index = nil
				}
			}
			s := build(t, in)
			require.Equal(t, c.building, s.HasBuildingIndex())
			require.Equal(t, in.Repositories[1].Index != nil && !c.outdated, s.IsComplete())
			if in.Repositories[1].Index != nil {
				check(t, in, nil)
				partial, counts := partialCounts(t, in)
				require.Empty(t, partial)
				require.EqualValues(t, 1, *counts.Foreign)
				return
			}
			const why = "extra: core.db: some reason"
			check(t, in, map[string]outcome{
				"search a":     {partial: true},
				"search b":     {partial: true, empty: true},
				"search d":     {partial: true, empty: true},
				"search extra": {code: wire.CodeNotReady, why: why},
				"search both":  {partial: true, empty: true},
				"info a":       {partial: true},
				"info b":       {partial: true, empty: true},
				"info extra/b": {partial: true, empty: true},
				"info both":    {partial: true},
				"foreign":      {partial: true},
				"outdated":     {partial: true},
				"security":     {partial: true},
				"status":       {partial: true},
			})
			partial, counts := partialCounts(t, in)
			require.Equal(t, "foreign updates ignored replacements aur_updates security", partial)
			require.EqualValues(t, 2, *counts.Foreign, "b is counted as foreign, because its repository could not be read")
			require.EqualValues(t, 1, *counts.Updates)
		})
	}
}

// TestDegraded_AllRepositories checks that requests for installed packages succeed if no repository has an index, and that
// all other requests fail.
func TestDegraded_AllRepositories(t *testing.T) {
	for name, change := range map[string]struct {
		do  func(*Inputs)
		why string
	}{
		"failed": {func(in *Inputs) {
			in.Repositories[0] = lost(in.Repositories[0], wire.SourceFailed, "the file is empty")
			in.Repositories[1] = lost(in.Repositories[1], wire.SourceMissing, "no database")
		}, "no repository can be searched: core: the file is empty; extra: no database"},
		"none": {func(in *Inputs) { in.Repositories = nil }, "no package databases in /db/sync: download them with pacman -Syu"},
	} {
		t.Run(name, func(t *testing.T) {
			in := completeInputs(t)
			change.do(&in)
			none := len(in.Repositories) == 0
			unknown := outcome{code: wire.CodeNotReady, why: change.why}
			one := func(repo string) outcome {
				if none {
					return outcome{code: wire.CodeInvalid, why: "no repository"}
				}
				return outcome{code: wire.CodeNotReady, why: "no repository can be searched: " + repo + ": "}
			}
			check(t, in, map[string]outcome{
				"search a": unknown, "search b": unknown, "search d": unknown,
				"search core": one("core"), "search extra": one("extra"), "search both": one("core"),
				"info a": unknown, "info b": unknown, "info core/a": unknown, "info extra/b": unknown, "info both": unknown,
				"foreign": unknown, "outdated": unknown,
				"security": {partial: !none}, "status": {partial: !none},
			})
			partial, counts := partialCounts(t, in)
			require.Equal(t, map[bool]string{false: "security"}[none], partial, "unknown counts are not partial")
			for _, n := range []*uint32{counts.Foreign, counts.Updates, counts.Ignored, counts.Replacements, counts.AURUpdates} {
				require.Nil(t, n)
			}
			require.EqualValues(t, 3, *counts.Installed)
			require.EqualValues(t, 2, *counts.Explicit)
			_, known := build(t, in).ForeignNames()
			require.False(t, known)
			require.False(t, build(t, in).IsComplete())
		})
	}
}

// TestDegraded_AUR checks that if the AUR's data is missing, results about other sources are not partial, and requests
// for the AUR alone fail with a network error.
func TestDegraded_AUR(t *testing.T) {
	for name, a := range map[string]*IndexedSource{
		"none": nil, "missing": lostAUR(wire.SourceMissing, "not downloaded yet"), "failed": lostAUR(wire.SourceFailed, "damaged"),
	} {
		t.Run(name, func(t *testing.T) {
			in := completeInputs(t)
			in.AUR = a
			why := "no data of the AUR"
			if a != nil {
				why += ": " + a.Why
			}
			unknown := outcome{code: wire.CodeNetwork, why: why}
			check(t, in, map[string]outcome{"search aur": unknown, "info aur/c": unknown})
			partial, counts := partialCounts(t, in)
			require.Empty(t, partial)
			require.Nil(t, counts.AURUpdates)
			require.Nil(t, counts.AUR)
			require.EqualValues(t, 1, *counts.Foreign)
			require.True(t, build(t, in).IsComplete())
		})
	}
	in := completeInputs(t)
	in.AUR.State, in.AUR.Why = wire.SourceStale, "slow"
	check(t, in, nil)
	_, counts := partialCounts(t, in)
	require.EqualValues(t, 0, *counts.AURUpdates)
}

// TestDegraded_Local checks the results of all requests if the installed packages are unknown, were read earlier and could
// not be read again, or could be read only in part.
func TestDegraded_Local(t *testing.T) {
	t.Run("unknown", func(t *testing.T) {
		in := completeInputs(t)
		in.Local = LocalInput{FailureReason: "local is on fire"}
		unknown := outcome{code: wire.CodeNotReady, why: "the installed packages are unknown: local is on fire"}
		check(t, in, map[string]outcome{
			"installed": unknown, "explicit": unknown, "orphans": unknown, "foreign": unknown, "explicit names": unknown,
			"outdated": unknown, "security": unknown, "status": {why: "local is on fire"},
		})
		partial, counts := partialCounts(t, in)
		require.Empty(t, partial)
		require.Equal(t, wire.Counts{}, counts, "unknown is not 0")
		status, err := build(t, in).Status()
		require.NoError(t, err)
		require.True(t, status.Stale)
		require.False(t, build(t, in).IsComplete())
		in.Local.FailureReason = ""
		_, err = build(t, in).Explicit()
		requireCode(t, err, wire.CodeNotReady, "the installed packages are unknown")
	})
	t.Run("earlier", func(t *testing.T) {
		in := completeInputs(t)
		in.Local.FailureReason = "permission denied"
		check(t, in, nil)
		s := build(t, in)
		require.False(t, s.IsComplete())
		for name, ask := range requests {
			basis, _, err := ask(s)
			require.NoError(t, err)
			repositories := strings.HasPrefix(name, "search") || strings.HasPrefix(name, "info")
			require.Equal(t, !repositories, basis.Stale, name)
			require.Equal(t, !repositories, basis.Why == "permission denied", name)
		}
	})
	t.Run("in part", func(t *testing.T) {
		in := completeInputs(t)
		in.Local.UnreadablePackages = "local/b-1-1 has an empty desc"
		partial := outcome{partial: true, why: in.Local.UnreadablePackages}
		none := partial
		none.empty = true
		check(t, in, map[string]outcome{
			"installed": partial, "explicit": partial, "explicit names": partial, "foreign": partial, "outdated": partial,
			"security": partial, "status": partial, "orphans": partial,
		})
		names, _ := partialCounts(t, in)
		require.Equal(t, "explicit orphans orphans_required", names)
		require.False(t, build(t, in).IsComplete())
	})
}

// TestDegraded_EachRepository removes the index of one repository of a generated system at a time, and checks that results
// are partial and contain all packages of the other repositories.
func TestDegraded_EachRepository(t *testing.T) {
	o := fixture.Options{Packages: 600, Installed: 100, Seed: 3}
	in := generated(t, o)
	all, err := build(t, in).Search(query(""))
	require.NoError(t, err)
	for i := range in.Repositories {
		n, ok := build(t, in).RepoPackageCount(in.Repositories[i].Name)
		require.True(t, ok)
		require.NotZero(t, n)
		degraded := in
		degraded.Repositories = append([]IndexedSource(nil), in.Repositories...)
		degraded.Repositories[i] = lost(in.Repositories[i], wire.SourceFailed, "damaged")
		s := build(t, degraded)
		f, err := s.Search(query(""))
		require.NoError(t, err)
		require.True(t, f.Partial)
		require.Equal(t, all.Total-n, f.Total)
		for p := range fixture.GeneratePackages(o) {
			f, err := s.Info(&wire.InfoRequest{Names: []string{p.Repo + "/" + p.Name}})
			require.NoError(t, err)
			bad := p.Repo == in.Repositories[i].Name
			require.Equal(t, bad, f.Partial)
			require.Equal(t, bad, f.Total == 0)
		}
	}
}
