package answers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// BenchmarkStatus is one answer with 1,200 packages installed, as omgd gives it and
// as who has just read the files does.
func BenchmarkStatus(b *testing.B) {
	db := b.TempDir()
	require.NoError(b, fixture.Write(db, fixture.Options{Packages: 3000, Installed: 1200, Seed: 1}))
	local, err := pacmandb.ReadLocal(b.Context(), db)
	require.NoError(b, err)
	for _, c := range []struct {
		name     string
		prepared bool
	}{{"prepared", true}, {"counting", false}} {
		b.Run(c.name, func(b *testing.B) {
			d := Data{Inventory: inventory.Alone(db, local, "no repositories here")}
			if c.prepared {
				d.Prepare()
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Status(func([]byte, bool) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
