//go:build libalpm

package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestWorker_EveryOperation checks that libalpm's answers to each request agree with the packages from which
// the databases were made. It needs neither the corpus nor pacman.
func TestWorker_EveryOperation(t *testing.T) {
	o := fixture.Options{Packages: 1200, Installed: 300, Seed: 5}
	dir := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(dir, o))
	req := alpmproto.Request{DatabaseDir: dir}
	for _, name := range []string{"core", "extra", "multilib"} {
		req.Repos = append(req.Repos, alpmproto.Repo{Name: name, Usage: 15})
	}

	a, err := ask(t, alpmproto.OpFacts, req)
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+`, a.LibAlpm)
	t.Log("libalpm", a.LibAlpm)
	require.Len(t, a.Installed, 300)
	counts := map[string]int{}
	byName := map[string]string{}
	for p := range fixture.GeneratePackages(o) {
		counts[p.Repo]++
		byName[p.Name] = p.Repo + " " + p.Version
	}
	for _, d := range a.Databases {
		require.Empty(t, d.Err)
		require.Equal(t, counts[d.Name], d.PackageCount, d.Name)
	}
	required, updates := map[alpmproto.NeedLevel]int{}, 0
	for _, p := range a.Installed {
		required[p.NeedLevel]++
		if p.VersionOrder > 0 {
			updates++
		}
		if p.Repo != "" {
			require.Equal(t, byName[p.Name], p.Repo+" "+p.Offered)
		} else {
			require.NotContains(t, byName, p.Name)
		}
	}
	require.Len(t, required, 3, "all values occur")
	require.Positive(t, updates)

	var names []string
	req.Names = nil
	for p := range fixture.GeneratePackages(o) {
		req.Names = append(req.Names, p.Repo+"/"+p.Name)
		names = append(names, p.Name)
	}
	a, err = ask(t, alpmproto.OpInfo, req)
	require.NoError(t, err)
	i := 0
	for p := range fixture.GeneratePackages(o) {
		require.Equal(t, p, a.Packages[i])
		i++
	}
	require.Len(t, a.Packages, i)

	req.Names, req.Words = nil, []string{"^" + names[7] + "$"}
	a, err = ask(t, alpmproto.OpSearch, req)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(a.Packages, func(p wire.Package) bool { return p.Name == names[7] }))
}

// TestWorker_BeyondASCII checks that libalpm reads names and versions beyond ASCII. In a process without a
// locale, libarchive fails to read them.
func TestWorker_BeyondASCII(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("local/ALPM_DB_VERSION", "9\n")
	write("local/größe-1.β-1/desc", "%NAME%\ngröße\n\n%VERSION%\n1.β-1\n\n")
	var db bytes.Buffer
	w := tar.NewWriter(&db)
	for _, p := range [][2]string{{"before", "1-1"}, {"größe", "1.γ-1"}, {"zuletzt", "1-1"}} {
		text := "%NAME%\n" + p[0] + "\n\n%VERSION%\n" + p[1] + "\n\n"
		require.NoError(t, w.WriteHeader(&tar.Header{Name: p[0] + "-" + p[1] + "/desc", Size: int64(len(text)), Mode: 0o644, Format: tar.FormatPAX}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	write("sync/own.db", db.String())
	a, err := ask(t, alpmproto.OpFacts, alpmproto.Request{DatabaseDir: dir, Repos: []alpmproto.Repo{{Name: "own", Usage: 15}}})
	require.NoError(t, err)
	require.Equal(t, []alpmproto.Database{{Name: "own", PackageCount: 3}}, a.Databases)
	require.Len(t, a.Installed, 1)
	require.Equal(t, "1.γ-1", a.Installed[0].Offered)
}
