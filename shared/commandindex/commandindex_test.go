package commandindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/sectionfile"
)

func testSection(t testing.TB) []byte {
	t.Helper()
	var b Builder
	for _, c := range []struct{ pkg, dir, name string }{
		{"neovim", "usr/bin/", "nvim"},
		{"busybox", "bin/", "vi"},
		{"busybox", "usr/bin/", "vi"},
		{"vi", "usr/bin/", "vi"},
		{"vi", "usr/bin/", "vi"},
		{"net-tools", "usr/sbin/", "ifconfig"},
	} {
		dir, ok := Dir(c.dir)
		require.True(t, ok)
		require.NoError(t, b.Add(c.pkg, dir, c.name))
	}
	return b.Marshal()
}

func testFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "extra.files.omgidx")
	info := Info{Repository: "extra", Builder: "test", BuiltAt: -1, SHA256: "00", FileSize: 3, AsOf: 4, PackageCount: 5, PathCount: 6}
	data, err := info.Marshal()
	require.NoError(t, err)
	require.NoError(t, format.WriteFile(path, func(out *sectionfile.Writer) error {
		out.WriteSection(InfoSection, data)
		out.WriteSection(CommandsSection, testSection(t))
		return nil
	}))
	return path
}

func TestOpen(t *testing.T) {
	f, err := Open(testFile(t), nil)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, &Info{Repository: "extra", Builder: "test", BuiltAt: -1, SHA256: "00", FileSize: 3, AsOf: 4, PackageCount: 5, PathCount: 6}, f.Info())
	require.Equal(t, 5, f.RowCount(), "a command counts once for a package and directory")
	got, err := f.Find("vi", 9)
	require.NoError(t, err)
	require.Equal(t, []Owner{{"busybox", "usr/bin/vi"}, {"busybox", "bin/vi"}, {"vi", "usr/bin/vi"}}, got)
	got, err = f.Find("vim", 9)
	require.NoError(t, err)
	require.Empty(t, got)
	close, err := f.FindClose("ifcofnig", 3)
	require.NoError(t, err)
	require.Equal(t, []CloseName{{Name: "ifconfig", Distance: 2, Owners: []Owner{{"net-tools", "usr/sbin/ifconfig"}}}}, close)
	for _, text := range []string{"", "x", "completely-different", string(make([]byte, 1000))} {
		close, err = f.FindClose(text, 3)
		require.NoError(t, err)
		require.Empty(t, close)
	}
}

// TestFind_ManyPackages checks that the packages of a command are limited, since all packages of a database can have the same command.
func TestFind_ManyPackages(t *testing.T) {
	var b Builder
	for i := range 2 * maxCloseOwners {
		require.NoError(t, b.Add(fmt.Sprintf("p%05d", i), 0, "tool"))
	}
	table, err := NewTable(b.Marshal())
	require.NoError(t, err)
	owners, err := table.Find("tool", 3)
	require.NoError(t, err)
	require.Equal(t, []Owner{{"p00000", "usr/bin/tool"}, {"p00001", "usr/bin/tool"}, {"p00002", "usr/bin/tool"}}, owners)
	found, err := table.FindClose("toool", 3)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Len(t, found[0].Owners, maxCloseOwners)
}

func TestOpen_Damaged(t *testing.T) {
	path := testFile(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 64; i < len(good); i++ {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		require.NoError(t, os.WriteFile(path, bad, 0o644))
		f, err := Open(path, nil)
		if err == nil {
			require.NoError(t, f.Close())
			require.Zero(t, good[i], "byte %d is padding", i)
			continue
		}
		require.ErrorIs(t, err, sectionfile.ErrDamaged)
		require.ErrorContains(t, err, path)
	}
}

// FuzzTable reads arbitrary bytes as section CMDS. The methods must not crash.
func FuzzTable(f *testing.F) {
	good := testSection(f)
	f.Add(good)
	for i := range len(good) {
		bad := bytes.Clone(good)
		bad[i] ^= 0x81
		f.Add(bad)
	}
	f.Add(binary.LittleEndian.AppendUint32(nil, 1<<32-1))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := NewTable(data)
		if err != nil {
			return
		}
		for row := range table.RowCount() {
			_, _, _ = table.Row(row)
		}
		_, _ = table.Find("vi", 9)
		_, _ = table.FindClose("ivm", 3)
	})
}

// FuzzInfo reads arbitrary bytes as section INFO. What is read must be written as the same bytes or be refused.
func FuzzInfo(f *testing.F) {
	data, err := (&Info{Repository: "extra", PackageCount: 1}).Marshal()
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:3])
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := unmarshalInfo(data)
		if err != nil {
			require.ErrorIs(t, err, sectionfile.ErrDamaged)
			return
		}
		if again, err := info.Marshal(); err == nil {
			second, err := unmarshalInfo(again)
			require.NoError(t, err)
			require.Equal(t, info, second)
		}
	})
}
