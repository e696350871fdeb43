package answers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// security decodes the chunks of a reply about advisories, and joins the elements of a package that is in several chunks.
func security(t testing.TB, e *Encoder, names ...string) (all wire.SecurityResult, chunkCount int) {
	t.Helper()
	list := chunks(t, func(emit Emit) error { return e.Security(&wire.SecurityRequest{Packages: names}, emit) })
	for i, b := range list {
		var chunk wire.SecurityResult
		require.NoError(t, msgpack.Unmarshal(b, &chunk))
		if i == 0 {
			all = chunk
			all.Packages = nil
		} else {
			require.Equal(t, wire.SecurityResult{Packages: chunk.Packages}, chunk, "all other fields are in the first chunk")
		}
		for _, p := range chunk.Packages {
			if last := len(all.Packages) - 1; last >= 0 && all.Packages[last].Name == p.Name {
				all.Packages[last].Advisories = append(all.Packages[last].Advisories, p.Advisories...)
				continue
			}
			all.Packages = append(all.Packages, p)
		}
	}
	return all, len(list)
}

// vulnerable returns inputs with the installed packages a, b and c, and a tracker with the given advisories.
func vulnerable(t testing.TB, records ...advisories.Record) snapshot.Inputs {
	t.Helper()
	in := snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", named("a", "b", "c")...)}, Local: snapshot.LocalInput{Packages: &pacmandb.Local{}}}
	for _, p := range named("a", "b", "c") {
		in.Local.Packages.Packages = append(in.Local.Packages.Packages, &pacmandb.Installed{Package: p})
	}
	in.Tracker = &snapshot.TrackerData{Records: records, RepliedAt: time.Now().Unix(), SkippedCount: 3}
	return in
}

func record(i int, packages ...string) advisories.Record {
	return advisories.Record{
		Name: fmt.Sprintf("AVG-%04d", i), Packages: packages, Status: advisories.StatusVulnerable, Severity: advisories.SeverityLow, AffectedVersion: "1-1",
		Issues: []string{fmt.Sprintf("CVE-2026-%d", i)},
	}
}

// TestSecurity_RoundTrip checks that the decoded chunks of advisories equal the snapshot's result.
func TestSecurity_RoundTrip(t *testing.T) {
	in := vulnerable(t, record(1, "a"), record(2, "a", "b"), record(3, "none"))
	in.Repositories = append(in.Repositories, snapshot.IndexedSource{Source: wire.Source{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed}})
	e := encoder(t, in)
	for _, names := range [][]string{nil, {"b", "none"}} {
		got, _ := security(t, e, names...)
		found, err := e.Snapshot.Security(&wire.SecurityRequest{Packages: names})
		require.NoError(t, err)
		want := wire.SecurityResult{Basis: found.Basis, Missing: found.NotInstalled, Skipped: 3}
		for _, p := range found.Packages {
			want.Packages = append(want.Packages, *snapshot.ConvertVulnerable(p, p.Findings))
		}
		require.Equal(t, want, got)
		require.True(t, got.Partial)
		require.NotEmpty(t, got.Packages)
	}
}

// TestSecurity_ManyAdvisories checks that no advisory is lost if the advisories of one package do not fit into one chunk.
func TestSecurity_ManyAdvisories(t *testing.T) {
	const many = 3000
	records := make([]advisories.Record, many)
	for i := range records {
		records[i] = record(i, "b")
	}
	records[0].Issues = slices.Repeat([]string{strings.Repeat("x", 256)}, 200)
	records[1].Issues = slices.Repeat([]string{"x"}, 200)
	records = append(records, record(many, "a"), record(many+1, "c"))
	e := encoder(t, vulnerable(t, records...))
	got, n := security(t, e)
	require.Greater(t, n, 5)
	require.Len(t, got.Packages, 3)
	seen := map[string]int{}
	for _, p := range got.Packages {
		for _, a := range p.Advisories {
			seen[p.Name+" "+a.Name]++
		}
	}
	require.Len(t, seen, len(records))
	for i, r := range records {
		require.Equal(t, 1, seen[r.Packages[0]+" "+r.Name], i)
	}
}
