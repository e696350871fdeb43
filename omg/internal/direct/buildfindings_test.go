package direct

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// buildCopy returns a copy with a source and a checksum, made the given number of days before now.
func buildCopy(now time.Time, days int, source, sum string) buildfiles.Copy {
	text := "pkgname=demo\npkgver=1\npkgrel=1\nsource=(" + source + ")\nsha256sums=(" + sum + ")\n"
	return buildfiles.Copy{At: now.AddDate(0, 0, -days), Files: buildfiles.Files{"PKGBUILD": []byte(text)}}
}

// TestFindBuildChanges checks that each pair of successive copies is compared, unless the later one is too old for a finding.
func TestFindBuildChanges(t *testing.T) {
	now := time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)
	const first, second, third = "https://a.example/x", "https://b.example/x", "https://c.example/x"
	between := func(from, to int) journal.Interval {
		return journal.Interval{From: now.AddDate(0, 0, -from).Unix(), To: now.AddDate(0, 0, -to).Unix()}
	}
	require.Empty(t, findBuildChanges(nil, now))
	require.Empty(t, findBuildChanges([]buildfiles.Copy{buildCopy(now, 1, first, "aa")}, now))
	require.Empty(t, findBuildChanges([]buildfiles.Copy{buildCopy(now, 200, first, "aa"), buildCopy(now, 91, second, "aa")}, now))
	require.Empty(t, findBuildChanges([]buildfiles.Copy{buildCopy(now, 3, first, "aa"), buildCopy(now, 1, first, "bb")}, now))
	require.Equal(t, []aurlevel.BuildChange{
		{Reason: aurlevel.ReasonSourceHostChanged, Copies: between(91, 60), Values: []string{"c.example"}},
		{Reason: aurlevel.ReasonChecksumSkipped, Copies: between(60, 1), Values: []string{third}},
	}, findBuildChanges([]buildfiles.Copy{
		buildCopy(now, 200, first, "aa"), buildCopy(now, 91, second, "aa"), buildCopy(now, 60, third, "aa"), buildCopy(now, 1, third, "SKIP"),
	}, now))
}

// TestAURDiff_Current checks that the last copy is compared with the PKGBUILD of the AUR, and that neither is copied.
func TestAURDiff_Current(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	at := time.Unix(1_700_000_000, 0)
	old, current := buildCopy(at, 0, "https://a.example/x", "aa").Files["PKGBUILD"], buildCopy(at, 0, "https://b.example/x", "aa").Files["PKGBUILD"]
	diff := func(r backend.AURDiffRequest) (*backend.AURDiff, error) { return w.backend().AURDiff(t.Context(), &r) }
	w.write(".cache/yay/demo/PKGBUILD", string(old))
	w.write(".cache/yay/demo/demo.install", "post_install() { :; }\n")
	_, err := diff(backend.AURDiffRequest{Name: "demo", Current: current, CurrentAsOf: at})
	require.Equal(t, exit.NotFound, exit.Code(err))
	require.NoDirExists(t, w.path(".local/state"))
	_, err = diff(backend.AURDiffRequest{Name: "demo"})
	require.NoError(t, err)
	for range 2 {
		got, err := diff(backend.AURDiffRequest{Name: "demo", Current: current, CurrentAsOf: at})
		require.NoError(t, err)
		require.Equal(t, 1, got.From.Number)
		require.Equal(t, &backend.BuildCopy{Copied: at, Version: "1-1"}, got.To)
		require.Equal(t, []backend.BuildChange{{Change: "source-host-changed", Old: []string{"a.example"}, New: []string{"b.example"}}}, got.Changes)
		require.Len(t, got.Files, 1, "the AUR's install script is unknown, not removed")
	}
	same, err := diff(backend.AURDiffRequest{Name: "demo", Current: old, CurrentAsOf: at})
	require.NoError(t, err)
	require.Empty(t, same.Files)
}

// TestAURCheck_NoCopies checks that a check without copies compares the copies that exist, and writes none.
func TestAURCheck_NoCopies(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	now := time.Now().Unix()
	w.write("db/local/demo-1-1/desc", "%NAME%\ndemo\n\n%VERSION%\n1-1\n\n")
	w.writeAUR(now, &wire.Package{Name: "demo", Version: "1-1", AUR: &wire.AUR{Maintainer: "bob"}})
	writeJournal(t, w.path("share/omg"), now, nil)
	pkgbuild := func(source string) string { return string(buildCopy(time.Now(), 0, source, "aa").Files["PKGBUILD"]) }
	check := func(names ...string) (reasons []string) {
		result, err := w.backend().AURCheck(t.Context(), &backend.AURCheckRequest{Names: names, Offline: true, NoCopies: true})
		require.NoError(t, err)
		require.Empty(t, result.BuildProblems)
		for _, p := range result.Packages {
			for _, f := range p.Findings {
				reasons = append(reasons, f.Reason)
			}
		}
		return reasons
	}
	w.write(".cache/yay/demo/PKGBUILD", pkgbuild("https://a.example/x"))
	require.Empty(t, check())
	require.NoDirExists(t, w.path(".local/state"))
	diff, err := w.backend().AURDiff(t.Context(), &backend.AURDiffRequest{Name: "demo"})
	require.NoError(t, err)
	require.Equal(t, "PKGBUILD", diff.Last[0].Name)
	require.Contains(t, string(diff.Last[0].Content), "https://a.example/x")

	w.write(".cache/yay/demo/PKGBUILD", pkgbuild("https://b.example/x"))
	require.Empty(t, check("demo"), "the changed build files are not copied")
	_, err = w.backend().AURDiff(t.Context(), &backend.AURDiffRequest{Name: "demo"})
	require.NoError(t, err)
	require.Equal(t, []string{"source-host-changed"}, check("demo"))
	require.Equal(t, []string{"source-host-changed"}, check())
}
