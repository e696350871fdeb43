package pacmandb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// corpusDatabases returns the corpus' databases in Arch's order.
func corpusDatabases(t testing.TB) []RepoFile {
	t.Helper()
	files, err := ListRepoFiles(corpus.SharedDBPath(t), nil)
	require.NoError(t, err)
	require.Len(t, files, 3)
	return files
}

// read returns copies of all packages of a database.
func read(t testing.TB, path, repo string) (SyncFile, []wire.Package, error) {
	t.Helper()
	var all []wire.Package
	f, err := ReadSync(t.Context(), path, repo, func(p *wire.Package) error {
		all = append(all, clonePackage(p))
		return nil
	}, func() { all = nil })
	return f, all, err
}

// clonePackage returns a copy of a package in which empty lists are nil.
func clonePackage(p *wire.Package) wire.Package {
	out := *p
	for _, list := range []*[]string{
		&out.Groups, &out.Licenses, &out.Provides, &out.Depends, &out.OptDepends, &out.MakeDepends,
		&out.CheckDepends, &out.Conflicts, &out.Replaces, &out.Validation,
	} {
		*list = append([]string(nil), *list...)
	}
	return out
}

// plainSync reads a database compressed with gzip, using only the standard library.
func plainSync(t testing.TB, path, repo string) (all []wire.Package, descBytes int64) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all, descBytes
		}
		require.NoError(t, err)
		if dir, ok := strings.CutSuffix(h.Name, "/desc"); ok {
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			descBytes += int64(len(text))
			all = append(all, plainDesc(repo, dir, string(text)))
		}
	}
}

// plainDesc parses a desc as paragraphs, each of which is a key and the lines of its value.
func plainDesc(repo, dir, text string) wire.Package {
	lists := map[string][]string{}
	for paragraph := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		lines := strings.Split(paragraph, "\n")
		lists[lines[0]] = lines[1:]
	}
	one := func(key string) string { return strings.Join(lists[key], "\n") }
	number := func(key string) int64 { n, _ := strconv.ParseInt(one(key), 10, 64); return n }
	at := strings.LastIndex(dir[:strings.LastIndex(dir, "-")], "-")
	p := wire.Package{
		Repo: repo, Name: dir[:at], Version: dir[at+1:],
		Desc: one("%DESC%"), Groups: lists["%GROUPS%"], Base: one("%BASE%"), Filename: one("%FILENAME%"),
		Arch: one("%ARCH%"), URL: one("%URL%"), Licenses: lists["%LICENSE%"], Provides: lists["%PROVIDES%"],
		Depends: lists["%DEPENDS%"], OptDepends: lists["%OPTDEPENDS%"], MakeDepends: lists["%MAKEDEPENDS%"],
		CheckDepends: lists["%CHECKDEPENDS%"], Conflicts: lists["%CONFLICTS%"], Replaces: lists["%REPLACES%"],
		CSize: uint64(number("%CSIZE%")), ISize: uint64(number("%ISIZE%")),
		Packager: one("%PACKAGER%"), BuildDate: number("%BUILDDATE%"), SHA256: one("%SHA256SUM%"),
	}
	for _, v := range [][2]string{{"%MD5SUM%", "md5"}, {"%SHA256SUM%", "sha256"}, {"%PGPSIG%", "pgp"}} {
		if lists[v[0]] != nil {
			p.Validation = append(p.Validation, v[1])
		}
	}
	return p
}

func TestReadSync_Corpus(t *testing.T) {
	defer await.NoGoroutines(t)
	total := 0
	for _, db := range corpusDatabases(t) {
		f, got, err := read(t, db.Path, db.Name)
		require.NoError(t, err)
		want, descBytes := plainSync(t, db.Path, db.Name)
		require.Equal(t, want, got)
		require.Empty(t, f.Warnings)
		require.Equal(t, len(want), f.PackageCount)
		require.Equal(t, descBytes, f.DescBytes)
		raw, err := os.ReadFile(db.Path)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(raw), f.SHA256)
		fi, err := os.Stat(db.Path)
		require.NoError(t, err)
		require.Equal(t, sourcefile.StampOf(fi), f.Stamp)
		require.Equal(t, fi.Size(), f.Stamp.Size)
		total += f.PackageCount
	}
	require.Equal(t, 3568, total)
}

// file is an entry of an archive.
type file struct{ name, text string }

// desc returns a desc with the given name, version and further paragraphs.
func desc(name, version string, paragraphs ...string) string {
	text := "%NAME%\n" + name + "\n\n%VERSION%\n" + version + "\n\n"
	for _, p := range paragraphs {
		text += p + "\n\n"
	}
	return text
}

// archive returns a tar archive with the given files.
func archive(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text))}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, f.text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// database returns a tar archive with two small packages.
func database(t testing.TB) []byte {
	return archive(t,
		file{"first-1-1/", ""}, file{"first-1-1/desc", desc("first", "1-1", "%DESC%\nThe first one", "%DEPENDS%\nglibc\nbash>=5")},
		file{"second-2.0-1/", ""}, file{"second-2.0-1/desc", desc("second", "2.0-1", "%DESC%\nThe second one")})
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// store writes b to a database file and returns the path of the file.
func store(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return path
}

// readBytes reads a database from the bytes b, with the given limits.
func readBytes(t testing.TB, b []byte, bounds limits) (SyncFile, []wire.Package, error) {
	return readBytesAs(t, b, "t", bounds)
}

func readBytesAs(t testing.TB, b []byte, repo string, bounds limits) (SyncFile, []wire.Package, error) {
	var out SyncFile
	var all []wire.Package
	r := syncReader{repo: repo, out: &out, limits: bounds, onPackage: func(p *wire.Package) error {
		all = append(all, clonePackage(p))
		return nil
	}}
	err := r.read(t.Context(), bytes.NewReader(b))
	return out, all, err
}

func TestReadSync_NotADatabase(t *testing.T) {
	whole := gzipped(t, database(t))
	random := make([]byte, 4096)
	for i := range random {
		random[i] = byte(i*i*7 + i>>3 + 1)
	}
	for name, one := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":                 {nil, sourcefile.ErrEmpty},
		"one byte":              {[]byte{'x'}, ErrNotDatabase},
		"random":                {random, ErrNotDatabase},
		"text":                  {[]byte(strings.Repeat("not found\n", 1000)), ErrNotDatabase},
		"html page":             {[]byte("<!DOCTYPE html><title>404</title>"), ErrNotDatabase},
		"lz4":                   {[]byte("\x04\x22\x4d\x18" + strings.Repeat("x", 2000)), sourcefile.ErrDamaged},
		"cut in the middle":     {whole[:len(whole)/2], sourcefile.ErrTruncated},
		"cut in the checksum":   {whole[:len(whole)-3], sourcefile.ErrTruncated},
		"a gzip header":         {whole[:10], sourcefile.ErrTruncated},
		"half a gzip header":    {whole[:5], sourcefile.ErrTruncated},
		"gzip of nothing":       {gzipped(t, nil), sourcefile.ErrTruncated},
		"gzip of text":          {gzipped(t, []byte(strings.Repeat("not found\n", 1000))), ErrNotDatabase},
		"gzip of gzip":          {gzipped(t, gzipped(t, random)), ErrNotDatabase},
		"plain without its end": {database(t)[:2048], sourcefile.ErrTruncated},
		"plain cut in an entry": {database(t)[:1100], sourcefile.ErrTruncated},
		"something after gzip":  {append(slices.Clone(whole), "rubbish, and more than a header of it"...), sourcefile.ErrDamaged},
		"a wrong checksum":      {flip(whole, len(whole)-6), sourcefile.ErrDamaged},
		"a header with no sum":  {gzipped(t, flip(database(t), 1024+512+150)), sourcefile.ErrDamaged},
		"a header with no size": {gzipped(t, resum(flip(database(t), 512+124), 512)), sourcefile.ErrDamaged},
		"zstd of rubbish":       {[]byte("\x28\xb5\x2f\xfdrubbishrubbish"), sourcefile.ErrDamaged},
		"xz of rubbish":         {[]byte("\xfd7zXZ\x00rubbishrubbish"), sourcefile.ErrDamaged},
		"bzip2 of rubbish":      {[]byte("BZh9rubbishrubbish"), sourcefile.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := store(t, one.content)
			_, _, err := read(t, path, "t")
			require.ErrorIs(t, err, one.want)
			var at *fs.PathError
			require.ErrorAs(t, err, &at)
			require.Equal(t, path, at.Path)
		})
	}
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 0x4f
	return b
}

// resum corrects the checksum of the tar header at the given offset.
func resum(b []byte, offset int) []byte {
	b = slices.Clone(b)
	h := b[offset : offset+tarBlock]
	copy(h[148:156], "        ")
	copy(h[148:156], strconv.FormatUint(tarSum(h)|1<<18, 8)[1:]+"\x00")
	return b
}

func TestReadSync_NotAFile(t *testing.T) {
	dir := t.TempDir()
	_, _, err := read(t, dir, "t")
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
	require.ErrorContains(t, err, "directory")

	_, _, err = read(t, filepath.Join(dir, "none.db"), "t")
	require.ErrorIs(t, err, fs.ErrNotExist)

	fifo := filepath.Join(dir, "fifo.db")
	require.NoError(t, unix.Mkfifo(fifo, 0o644))
	_, _, err = read(t, fifo, "t")
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
	require.ErrorContains(t, err, fifo)

	_, _, err = read(t, "/dev/zero", "t")
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)

	link := filepath.Join(dir, "link.db")
	require.NoError(t, os.Symlink(store(t, database(t)), link))
	f, _, err := read(t, link, "t")
	require.NoError(t, err, "pacman follows links")
	require.Equal(t, 2, f.PackageCount)

	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(link, 0))
		_, _, err = read(t, link, "t")
		require.ErrorIs(t, err, fs.ErrPermission)
	}
}

// TestReadSync_CutAnywhere checks that reading a database that is cut off at any byte gives an error, and never just
// fewer packages.
func TestReadSync_CutAnywhere(t *testing.T) {
	for kind, whole := range compressions(t) {
		for n := range len(whole) {
			if os.Getenv("OMG_SOAK") == "" && n >= 64 && n < len(whole)-64 && n%5 != 0 { // each length takes some milliseconds
				continue
			}
			_, got, err := readBytes(t, whole[:n], syncLimits)
			if kind == "compress" && err == nil { // this compression has no end mark, but the archive has one
				require.Len(t, got, 2)
				continue
			}
			if kind == "none" && n >= len(whole)-tarBlock { // an archive ends with two blocks of zeros, but ReadSync needs only one
				require.NoError(t, err)
				continue
			}
			require.Error(t, err, "%s cut at %d of %d", kind, n, len(whole))
			require.True(t, errors.Is(err, sourcefile.ErrTruncated) || errors.Is(err, ErrNotDatabase) || errors.Is(err, sourcefile.ErrDamaged), "%s at %d: %v", kind, n, err)
		}
	}
}

// TestReadSync_DamagedAnywhere checks that reading a database in which one byte is changed gives an error or the very
// same packages.
func TestReadSync_DamagedAnywhere(t *testing.T) {
	_, want, err := readBytes(t, database(t), syncLimits)
	require.NoError(t, err)
	for kind, whole := range compressions(t) {
		if slices.Contains([]string{"none", "zstd", "gzip in zstd", "lzma", "compress"}, kind) {
			continue // files in these formats have no checksum of the content, or none of the headers
		}
		for at := range whole {
			f, got, err := readBytes(t, flip(whole, at), syncLimits)
			if err == nil {
				require.Equal(t, want, got, "%s at %d", kind, at)
				require.Empty(t, f.Warnings)
			}
		}
	}
}

func TestReadSync_Limits(t *testing.T) {
	big := gzipped(t, archive(t, file{"a-1-1/desc", desc("a", "1-1", "%DESC%\n"+strings.Repeat("x", 5000))}, file{"b-1-1/desc", desc("b", "1-1")}))

	bounds := syncLimits
	bounds.bytes = 4096
	_, _, err := readBytes(t, big, bounds)
	require.ErrorIs(t, err, sourcefile.ErrOversize)

	bounds = syncLimits
	bounds.packages = 1
	_, all, err := readBytes(t, big, bounds)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
	require.Len(t, all, 1)

	bounds = syncLimits
	bounds.desc = 4096
	f, all, err := readBytes(t, big, bounds)
	require.NoError(t, err)
	require.Equal(t, []string{`entry "a-1-1" has a desc of 5034 bytes, which was not read`}, f.Warnings)
	require.Equal(t, 1, f.LeftOutCount)
	require.Equal(t, f.Warnings[0], f.FirstLeftOutReason)
	require.Equal(t, []wire.Package{{Repo: "t", Name: "a", Version: "1-1"}, {Repo: "t", Name: "b", Version: "1-1"}}, all)
}

// TestReadSync_Held checks that ReadSync passes on the same packages whether it keeps them until the end or reads a
// stream.
func TestReadSync_Held(t *testing.T) {
	for _, repo := range corpusDatabases(t)[:1] {
		_, want, err := read(t, repo.Path, repo.Name)
		require.NoError(t, err)
		var got []wire.Package
		_, err = ReadSync(t.Context(), repo.Path, repo.Name, func(p *wire.Package) error {
			got = append(got, clonePackage(p))
			return nil
		}, nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	scattered := archive(t, file{"a-1-1/desc", desc("a", "1-1")}, file{"b-1-1/desc", desc("b", "1-1")}, file{"a-1-1/depends", "%DEPENDS%\nb\n\n"})
	var out SyncFile
	r := syncReader{repo: "t", out: &out, limits: syncLimits, holdAll: true}
	r.limits.held = 30
	require.ErrorIs(t, r.read(t.Context(), bytes.NewReader(scattered)), sourcefile.ErrOversize)
}

func TestReadSync_AttributeLimits(t *testing.T) {
	b := archive(t, file{"x", strings.Repeat("y", maxTarExtra+1)}, file{"a-1-1/desc", desc("a", "1-1")})
	b[156] = 'x'
	_, _, err := readBytes(t, resum(b, 0), syncLimits)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
}

func TestReadSync_Canceled(t *testing.T) {
	defer await.NoGoroutines(t)
	var files []file
	for i := range 5000 {
		n := strconv.Itoa(i)
		files = append(files, file{"p" + n + "-1-1/desc", desc("p"+n, "1-1")})
	}
	db := store(t, gzipped(t, archive(t, files...)))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_, err := ReadSync(ctx, db, "t", func(*wire.Package) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	}, func() {})
	require.Equal(t, context.Canceled, err)
	require.Equal(t, 100, n)

	enough := errors.New("enough")
	_, err = ReadSync(t.Context(), db, "t", func(*wire.Package) error { return enough }, nil)
	require.Equal(t, enough, err)
}

func TestReadSync_ChangedFile(t *testing.T) {
	whole := gzipped(t, database(t))
	for name, change := range map[string]func(path string) error{
		"grows":    func(path string) error { return os.WriteFile(path, append(whole, 0), 0o644) },
		"shrinks":  func(path string) error { return os.Truncate(path, 10) },
		"touched":  func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
		"replaced": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := store(t, whole)
			done := false
			_, err := ReadSync(t.Context(), path, "t", func(*wire.Package) error {
				if done {
					return nil
				}
				done = true
				return change(path)
			}, func() {})
			require.ErrorIs(t, err, sourcefile.ErrChanged)
			require.ErrorContains(t, err, path)
		})
	}
}

func TestReadSync_NoPackages(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing but an end": make([]byte, 1024),
		"an end of ten KiB":  make([]byte, 10240),
		"compressed":         gzipped(t, make([]byte, 1024)),
		"other files":        gzipped(t, archive(t, file{"notes/", ""}, file{"notes/readme", "x"})),
	} {
		t.Run(name, func(t *testing.T) {
			f, all, err := read(t, store(t, b), "t")
			require.NoError(t, err)
			require.Empty(t, all)
			require.Zero(t, f.PackageCount)
			require.NotZero(t, f.SHA256)
		})
	}
}
