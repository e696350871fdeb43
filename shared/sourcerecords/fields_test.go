package sourcerecords

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// notInRecords are the fields that no index contains, or that a record does not repeat.
var notInRecords = map[string]bool{
	"Repo": true, "AUR": true, "InstalledVersion": true, "Shadowed": true, "Advisories": true, "AURFindings": true, "Rank": true,
	"PendingRequests": true, "Votes": true, "Popularity": true,
}

// fill sets each field of a struct that is in records to a value of its own.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch {
		case notInRecords[name]:
		case f.Kind() == reflect.String:
			f.SetString(name)
		case f.Kind() == reflect.Slice:
			f.Set(reflect.ValueOf([]string{name, "b"}))
		case f.CanInt():
			f.SetInt(int64(i + 1))
		case f.CanUint():
			f.SetUint(uint64(i + 1))
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		default:
			require.Fail(t, "a field of another type", name)
		}
	}
}

// TestPackageRecord_EveryField checks that a record has every field of a package that an index contains.
func TestPackageRecord_EveryField(t *testing.T) {
	p := wire.Package{AUR: &wire.AUR{}}
	fill(t, reflect.ValueOf(&p).Elem())
	fill(t, reflect.ValueOf(p.AUR).Elem())
	written, read := newPackageRecord(), newPackageRecord()
	written.set(&p)
	require.NoError(t, read.object.Parse(string(written.object.Append(nil))))
	read.pkg.AUR = &read.aur
	require.Equal(t, p, read.pkg)
}
