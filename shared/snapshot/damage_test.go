package snapshot

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestBuild_DamagedIndex changes bytes of an index that is opened without a check, and checks that each error of a request
// wraps pkgindex.ErrDamaged. After such an error, the daemon builds the index again.
func TestBuild_DamagedIndex(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 120, Installed: 40, Seed: 3})
	b := pkgindex.NewBuilder("test", checked)
	into := b.AddSource("extra", pkgindex.KindRepo)
	_, err := pacmandb.ReadSync(t.Context(), in.DBPath+"/sync/extra.db", "extra", into.Add, nil)
	require.NoError(t, err)
	whole, err := b.Bytes()
	require.NoError(t, err)
	name := in.Local.Packages.Packages[0].Name
	in.Tracker = tracked(about("AVG-1", "High", "1-1", "", advisories.StatusVulnerable, name))

	opens, failures := 0, 0
	for at := 0; at < len(whole); at += 101 {
		data := bytes.Clone(whole)
		data[at] ^= 0xff
		f, err := pkgindex.OpenBytes(data)
		if err != nil {
			continue
		}
		opens++
		damaged := in
		damaged.Repositories = []IndexedSource{in.Repositories[0], currentSource("extra", f), in.Repositories[2]}
		for _, err := range ask(damaged) {
			if err != nil {
				failures++
				require.ErrorIs(t, err, pkgindex.ErrDamaged, "byte %d", at)
			}
		}
	}
	require.NotZero(t, opens)
	require.NotZero(t, failures)
}

// ask calls all methods of a snapshot that read indexes, and returns their errors.
func ask(in Inputs) (errs []error) {
	s := Build(in)
	errs = append(errs, s.ComputeAll())
	_, err := s.Status()
	errs = append(errs, err)
	_, err = s.Outdated()
	errs = append(errs, err)
	f, err := s.Search(query("e"))
	errs = append(errs, err)
	if err == nil {
		errs = append(errs, s.EachPackage(f.Hits, true, func(*wire.Package) error { return nil }))
	}
	_, err = s.Search(query("nothing-like-this"))
	errs = append(errs, err)
	_, err = s.SuggestForUnknown([]string{"fierfox"})
	return append(errs, err)
}
