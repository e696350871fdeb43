package hostinventory

import (
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/inventory"
)

func example() *inventory.Inventory {
	return &inventory.Inventory{
		Schema: inventory.Schema, Host: "web1", At: 5, Kernel: "6.17", Updates: []inventory.HostUpdate{{Name: "xz", Installed: "1-1", Version: "2-1"}},
		Packages: []inventory.HostPackage{{Name: "bash", Version: "5-1", Desc: "a shell", InstalledAt: 7}, {Name: "xz", Version: "1-1", Provides: []string{"liblzma.so"}}},
	}
}

// TestCompress checks that programs that know nothing of the short document read the document alone, and that the short one differs from it in the
// details of packages only.
func TestCompress(t *testing.T) {
	v := example()
	document, err := inventory.Encode(v)
	require.NoError(t, err)
	data, err := Compress(v, document)
	require.NoError(t, err)
	again, err := Compress(v, document)
	require.NoError(t, err)
	require.Equal(t, data, again)
	d, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer d.Close()
	text, err := d.DecodeAll(data, nil)
	require.NoError(t, err)
	require.Equal(t, string(document), string(text))
	require.Equal(t, "a shell", v.Packages[0].Desc, "the inventory stays as it is")

	short, whole, err := Split(data)
	require.NoError(t, err)
	text, err = d.DecodeAll(whole, nil)
	require.NoError(t, err)
	require.Equal(t, string(document), string(text))
	text, err = d.DecodeAll(short, nil)
	require.NoError(t, err)
	v.Packages = []inventory.HostPackage{{Name: "bash", Version: "5-1"}, {Name: "xz", Version: "1-1"}}
	document, err = inventory.Encode(v)
	require.NoError(t, err)
	require.Equal(t, string(document), string(text))
}

// TestShorten_Unknown checks that unknown packages stay unknown.
func TestShorten_Unknown(t *testing.T) {
	require.Nil(t, Shorten(&inventory.Inventory{}).Packages)
	require.NotNil(t, Shorten(&inventory.Inventory{Packages: []inventory.HostPackage{}}).Packages)
}

// TestSplit_Damaged cuts a file at each byte, and changes each byte. Nothing that follows the short document may be lost unnoticed. The checksum of
// its own frame protects the short document itself.
func TestSplit_Damaged(t *testing.T) {
	v := example()
	document, err := inventory.Encode(v)
	require.NoError(t, err)
	data, err := Compress(v, document)
	require.NoError(t, err)
	d, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer d.Close()
	want, _, err := Split(data)
	require.NoError(t, err)
	isRefused := func(data []byte) bool {
		short, rest, err := Split(data)
		if short == nil {
			short = rest // as in files without a short document
		}
		if err == nil {
			_, err = d.DecodeAll(short, nil)
		}
		return err != nil
	}
	for n := 1; n < len(data); n++ {
		require.True(t, isRefused(data[:n]), n)
	}
	for n := skippableHeader; n < len(data); n++ {
		damaged := append([]byte(nil), data...)
		damaged[n] ^= 0x10
		if isRefused(damaged) {
			continue
		}
		short, _, err := Split(damaged)
		require.NoError(t, err)
		before, err := d.DecodeAll(want, nil)
		require.NoError(t, err)
		after, err := d.DecodeAll(short, nil)
		require.NoError(t, err)
		require.Equal(t, before, after, "byte %d", n)
	}
}
