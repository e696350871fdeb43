package pacmandb

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// packageArchive returns an uncompressed package file with these entries, in pairs of a name and a text.
func packageArchive(t testing.TB, entries ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		h := &tar.Header{Name: entries[i], Mode: 0o644, Size: int64(len(entries[i+1]))}
		if strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, entries[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

const packageInfo = "# a comment\npkgname = a\npkgver = 1-1\nsize = 7\ndepend = b>=2\nxdata = pkgtype=pkg\nnonsense\n"

func TestReadPackage(t *testing.T) {
	data := packageArchive(t, ".PKGINFO", packageInfo, ".INSTALL", "x", "usr/", "", "usr/b", "1", "usr/a", "2")
	p, err := readPackage(bytes.NewReader(data), 5)
	require.NoError(t, err)
	require.Equal(t, []string{"usr/", "usr/a", "usr/b"}, p.Files)
	require.True(t, p.HasScript)
	require.False(t, p.HasChangelog)
	require.Equal(t, []any{"a", "1-1", uint64(7), int64(5)}, []any{p.Name, p.Version, p.ISize, p.Size})
	require.Equal(t, []string{"b>=2"}, p.Depends)
	require.Equal(t, []string{"pkgtype=pkg"}, p.XData)

	// The list in the mtree file replaces that of the archive.
	data = packageArchive(t, ".MTREE", "#mtree\n./.INSTALL type=file\n./etc type=dir\n./etc/with\\040space type=file\n", ".PKGINFO", packageInfo, "usr/", "")
	p, err = readPackage(bytes.NewReader(data), 5)
	require.NoError(t, err)
	require.Equal(t, []string{"etc/", "etc/with space"}, p.Files)
	require.True(t, p.HasScript)

	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("<html>"), "no info": packageArchive(t, "usr/", ""), "no name": packageArchive(t, ".PKGINFO", "pkgver = 1-1\n"),
		"no version": packageArchive(t, ".PKGINFO", "pkgname = a\npkgver = 1\n"), "cut off": data[:700],
	} {
		_, err := readPackage(bytes.NewReader(data), 1)
		require.ErrorIs(t, err, ErrPackageFile, name)
	}
}

func TestParseMtree(t *testing.T) {
	var list []MtreeEntry
	err := parseMtree(strings.NewReader("#mtree\n/set type=file uid=1 mode=0644\n./a time=12.5 size=3 \\\nmd5digest=AB\n/unset uid\n./l type=link mode=777 link=b\\134\n"),
		func(e *MtreeEntry) { list = append(list, *e) })
	require.NoError(t, err)
	require.Equal(t, []MtreeEntry{
		{Path: "a", Type: "file", UID: 1, Mode: 0o644, Mtime: 12, Size: 3, MD5: "ab"},
		{Path: "l", Type: "link", Mode: 0o777, Link: `b\`},
	}, list)
	require.ErrorIs(t, parseMtree(strings.NewReader("x"), func(*MtreeEntry) {}), ErrMtree)
	for _, text := range []string{strings.Repeat("x", maxMtreeLine+1), strings.Repeat(strings.Repeat("x", 1000)+"\\\n", maxMtreeLine/1000+1)} {
		err = parseMtree(strings.NewReader("#mtree\n"+text), func(*MtreeEntry) {})
		require.EqualError(t, err, ErrMtree.Error()+": a line is too long")
	}
}

func FuzzReadPackage(f *testing.F) {
	f.Add(packageArchive(f, ".PKGINFO", packageInfo, "usr/", ""))
	f.Add(packageArchive(f, ".MTREE", "#mtree\n./a type=dir\n", ".PKGINFO", packageInfo))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPackage(bytes.NewReader(data), int64(len(data)))
		if err == nil && p.Name == "" {
			t.Fatal("a package without a name")
		}
	})
}

func FuzzParseMtree(f *testing.F) {
	f.Add([]byte("#mtree\n/set type=file uid=0\n./a time=1.0 mode=644 size=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = parseMtree(bytes.NewReader(data), func(e *MtreeEntry) {
			if strings.Contains(e.Path, "\n") && !bytes.Contains(data, []byte(`\`)) {
				t.Fatalf("%q", e.Path)
			}
		})
	})
}
