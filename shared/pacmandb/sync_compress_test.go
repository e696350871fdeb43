package pacmandb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// compressions returns the same database in every supported compression.
func compressions(t testing.TB) map[string][]byte {
	t.Helper()
	b := database(t)
	out := map[string][]byte{"none": b, "gzip": gzipped(t, b), "gzip in two": append(gzipped(t, b[:700]), gzipped(t, b[700:])...)}

	out["zstd"] = zstdOf(t, b)

	for name, check := range map[string]byte{"xz": xz.CRC64, "xz crc32": xz.CRC32, "xz sha256": xz.SHA256} {
		var x bytes.Buffer
		// With this small block size, the output has several blocks.
		xw, err := xz.WriterConfig{CheckSum: check, BlockSize: 2000, DictCap: 1 << 16}.NewWriter(&x)
		require.NoError(t, err)
		_, err = xw.Write(b)
		require.NoError(t, err)
		require.NoError(t, xw.Close())
		out[name] = x.Bytes()
	}
	var l bytes.Buffer
	lw := lz4.NewWriter(&l)
	_, err := lw.Write(b)
	require.NoError(t, err)
	require.NoError(t, lw.Close())
	out["lz4"] = l.Bytes()
	var a bytes.Buffer
	aw, err := lzma.NewWriter(&a)
	require.NoError(t, err)
	_, err = aw.Write(b)
	require.NoError(t, err)
	require.NoError(t, aw.Close())
	out["lzma"] = a.Bytes()
	out["gzip in zstd"] = zstdOf(t, gzipped(t, b))
	// Go has no writers for these compressions: the files in testdata contain the output of the usual programs.
	for kind, suffix := range map[string]string{"bzip2": "bz2", "lzip": "lz", "compress": "Z"} {
		packed, err := os.ReadFile("testdata/two.db." + suffix)
		require.NoError(t, err)
		out[kind] = packed
	}
	return out
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	zw, err := zstd.NewWriter(&z, zstd.WithEncoderCRC(false))
	require.NoError(t, err)
	_, err = zw.Write(b)
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	return z.Bytes()
}

// packedBy runs a compression program with b as its input and returns its output.
func packedBy(t testing.TB, b []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(need.Program(t, name), args...)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	require.NoError(t, err)
	return out
}

func TestReadSync_Compressions(t *testing.T) {
	_, want, err := readBytes(t, database(t), syncLimits)
	require.NoError(t, err)
	require.Len(t, want, 2)
	for kind, b := range compressions(t) {
		f, got, err := read(t, store(t, b), "t")
		require.NoError(t, err, kind)
		require.Equal(t, want, got, kind)
		require.EqualValues(t, len(b), f.Stamp.Size)
	}
}

// TestReadSync_OtherPrograms reads a database of real packages that the usual programs have compressed, as one stream
// and as two streams.
func TestReadSync_OtherPrograms(t *testing.T) {
	plain := archive(t, firstFiles(t, corpusDatabases(t)[0].Path, 100)...)
	half := len(plain) / 2
	_, want, err := readBytesAs(t, plain, "core", syncLimits)
	require.NoError(t, err)
	require.Greater(t, len(want), 40)
	for _, command := range [][]string{
		{"gzip", "-9c"},
		{"bzip2", "-c"},
		{"zstd", "-qc"},
		{"zstd", "-qc", "-19"},
		{"zstd", "-qc", "--no-check", "-T2"},
		{"xz", "-0c"},
		{"xz", "-c", "--check=none"},
		{"xz", "-c", "--block-size=30000"},
		{"xz", "-c", "-T2", "--check=sha256"},
		{"zstd", "-qc", "--long=27", "-19"},
		{"xz", "-c", "--format=lzma"},
		{"lz4", "-qc"},
		{"lz4", "-qc", "-9", "-BD", "--content-size"},
		{"lz4", "-qc", "-l"},
		{"lzip", "-c"},
		{"lzip", "-c", "-0", "-b", "100KiB"},
		{"compress", "-c"},
		{"compress", "-c", "-b", "12"},
		{"bsdtar", "-cf", "-", "--lz4", "@-"},
		{"bsdtar", "-cf", "-", "--gzip", "@-"},
		{"bsdtar", "-cf", "-", "--lzma", "@-"},
		{"bsdtar", "-cf", "-", "--lzip", "@-"},
		{"bsdtar", "-cf", "-", "--compress", "@-"},
	} {
		t.Run(strings.Join(command, " "), func(t *testing.T) {
			whole := packedBy(t, plain, command[0], command[1:]...)
			_, got, err := readBytesAs(t, whole, "core", syncLimits)
			require.NoError(t, err)
			require.Equal(t, want, got)

			if command[0] == "bsdtar" { // bsdtar reads and writes only whole archives
				return
			}
			if command[0] == "compress" || slices.Contains(command, "--format=lzma") { // files in these formats can contain only one stream
				return
			}
			first := packedBy(t, plain[:half], command[0], command[1:]...)
			second := packedBy(t, plain[half:], command[0], command[1:]...)
			if command[0] == "xz" {
				first = append(first, 0, 0, 0, 0) // padding between streams
			}
			_, got, err = readBytesAs(t, append(first, second...), "core", syncLimits)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// firstFiles returns the first n entries of a database compressed with gzip.
func firstFiles(t *testing.T, path string, n int) (files []file) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); len(files) < n; {
		h, err := r.Next()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files = append(files, file{h.Name, string(text)})
	}
	return files
}

// TestReadSync_Padded reads a database with zeros after its end, as when a program has filled the last block on a tape.
func TestReadSync_Padded(t *testing.T) {
	_, want, err := readBytes(t, database(t), syncLimits)
	require.NoError(t, err)
	for _, kind := range []string{"none", "gzip", "gzip in two", "lz4", "lzip", "xz"} {
		_, got, err := readBytes(t, append(compressions(t)[kind], make([]byte, 4096)...), syncLimits)
		require.NoError(t, err, kind)
		require.Equal(t, want, got, kind)
	}
}

// TestReadSync_Layers checks that ReadSync reads a database that has been compressed up to four times over, and refuses
// it after the fifth time.
func TestReadSync_Layers(t *testing.T) {
	b := database(t)
	for layer := range maxLayers + 1 {
		b = gzipped(t, b)
		_, _, err := readBytes(t, b, syncLimits)
		if layer < maxLayers {
			require.NoError(t, err)
		} else {
			require.Error(t, err)
		}
	}
}

// TestLZMA_Dictionary checks that a dictionary that needs too much memory is refused before the memory is allocated.
func TestLZMA_Dictionary(t *testing.T) {
	all := compressions(t)
	binary.LittleEndian.PutUint32(all["lzma"][1:], 1<<30)
	_, _, err := readBytes(t, all["lzma"], syncLimits)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
	all["lzip"][5] = 29
	_, _, err = readBytes(t, all["lzip"], syncLimits)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
}

func TestXZ_Dictionary(t *testing.T) {
	whole := compressions(t)["xz"]
	require.EqualValues(t, 0x21, whole[12+2], "the first block's filter")
	// withDictionary returns a copy of the xz file. In the copy, the header of the first block has the given code for
	// the size of the dictionary.
	withDictionary := func(code byte) []byte {
		b := bytes.Clone(whole)
		h := b[12 : 12+(int(b[12])+1)*4]
		h[4] = code
		binary.LittleEndian.PutUint32(h[len(h)-4:], crc32.ChecksumIEEE(h[:len(h)-4]))
		return b
	}
	for code, want := range map[byte]error{
		30: nil, // 128 MiB
		31: sourcefile.ErrOversize,
		40: sourcefile.ErrOversize, // 4 GiB
		41: sourcefile.ErrDamaged,
	} {
		_, _, err := readBytes(t, withDictionary(code), syncLimits)
		require.ErrorIs(t, err, want, code)
	}
}

// TestXZ_ManyDictionaries checks that blocks that each need a large dictionary use the same memory for it.
func TestXZ_ManyDictionaries(t *testing.T) {
	// The file consists of empty blocks, each with a dictionary of 128 MiB.
	h := []byte{2, 0, 0x21, 1, 30, 0, 0, 0}
	block := append(binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(h)), 0, 0, 0, 0)
	b := append([]byte(nil), compressions(t)["xz crc32"][:12]...)
	for range MaxSyncBytes/maxWindow + 1 {
		b = append(append(b, block...), 0, 0, 0, 0)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := readBytes(t, b, syncLimits)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, sourcefile.ErrTruncated)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*maxWindow))
}

func TestZstd_Window(t *testing.T) {
	frame := func(window byte) []byte { // a frame with one empty block
		return []byte{0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0}
	}
	_, _, err := readBytes(t, frame(17<<3), syncLimits) // 128 MiB
	require.ErrorIs(t, err, sourcefile.ErrTruncated, "the frame contains no archive")
	_, _, err = readBytes(t, frame(18<<3), syncLimits)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
}
