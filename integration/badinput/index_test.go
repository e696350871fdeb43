package badinput

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	headerSize = 64
	entrySize  = 32
)

// sections finds the parts of an index as its format's description has them: the header, the table, and each section.
func sections(t *testing.T, index []byte) map[string][2]int {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(index[12:]))
	at := map[string][2]int{"header": {0, 32}, "table": {headerSize, headerSize + n*entrySize}}
	for i := range n {
		e := index[headerSize+i*entrySize:]
		begin := int(binary.LittleEndian.Uint64(e[8:]))
		at[string(e[:4])] = [2]int{begin, begin + int(binary.LittleEndian.Uint64(e[16:]))}
	}
	require.Len(t, at, 11)
	return at
}

// newer is the index with the next format version and a right header checksum.
func newer(index []byte) []byte {
	b := bytes.Clone(index)
	binary.LittleEndian.PutUint32(b[8:], binary.LittleEndian.Uint32(b[8:])+1)
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// badIndex is something that may lie where the index should.
type badIndex struct {
	name string
	make func(t *testing.T, path string)
	says string
}

func badIndexes(good []byte) []badIndex {
	content := func(b []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, b, 0o644))
			require.NoError(t, os.Chmod(path, 0o644))
		}
	}
	return []badIndex{
		{"truncated", content(good[:len(good)/2]), "damaged"},
		{"header only", content(good[:headerSize]), "damaged"},
		{"half a header", content(good[:headerSize/2]), "damaged"},
		{"too long", content(append(bytes.Clone(good), 0)), "damaged"},
		{"empty", content(nil), "not an omg index"},
		{"something else", content([]byte("#!/bin/sh\necho hello\n")), "not an omg index"},
		{"newer format", content(newer(good)), "rebuild it"},
		{"a directory", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) }, "regular"},
		{"a pipe", func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o644)) }, "regular"},
		{"writable by others", func(t *testing.T, path string) {
			content(good)(t, path)
			require.NoError(t, os.Chmod(path, 0o666))
		}, "chmod"},
	}
}

func TestBadIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.built(t)
	want := w.direct(t, "search", "lib")
	require.Equal(t, answered, want.Code)
	require.Empty(t, want.Stderr, "a current index needs no word")
	bad := filepath.Join(w.home, "bad.omgidx")
	cases := badIndexes(good)
	if os.Getuid() == 0 {
		cases = append(cases, badIndex{"another's", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, good, 0o644))
			require.NoError(t, os.Chown(path, 12345, 12345))
		}, "12345"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(bad))
			c.make(t, bad)
			for _, command := range []string{"verify", "info", "dump"} {
				r := programs.Run(t, w.env, "omg-index", command, bad)
				if c.name == "another's" {
					require.Equal(t, answered, r.Code, "who names a file, believes it: %s", r.Stderr)
					continue
				}
				if c.name == "a directory" {
					errorLine(t, r, "omg-index", failed, bad, "directory")
					continue
				}
				errorLine(t, r, "omg-index", failed, bad, c.says)
			}
			fallsBack(t, w, bad, want, c.says)
		})
	}
	t.Run("none", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(bad))
		errorLine(t, programs.Run(t, w.env, "omg-index", "verify", bad), "omg-index", failed, bad, "no such file")
		fallsBack(t, w, bad, want, "no such file")
	})
	for _, args := range [][]string{{"verify", "a", "b"}, {"build", "x"}, {"nonsense"}, {"verify", "--nonsense", "x"}, {"build", "--repo", "nosuch", "--dbpath", w.db}} {
		errorLine(t, programs.Run(t, w.env, "omg-index", args...), "omg-index", usage)
	}
}

// fallsBack demands that omg answers from the databases what it answered from the index, and says why in one line.
func fallsBack(t *testing.T, w *world, index string, want programs.Result, says string) {
	t.Helper()
	r := programs.Run(t, w.env, "omg", slices.Concat([]string{"--no-daemon", "--index", index}, w.config(), []string{"search", "lib"})...)
	clean(t, r)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.Equal(t, want.Stdout, r.Stdout)
	require.Regexp(t, `^omg: [^\n]+\n$`, r.Stderr)
	require.Contains(t, r.Stderr, says)
}

// TestFlippedBit changes one bit in each part of an index. verify finds each; omg answers rightly whatever it is, or says
// that it cannot.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.built(t)
	want := w.direct(t, "search", "lib")
	every := w.direct(t, "info", "--json", "extra/nosuch")
	require.Equal(t, nothing, every.Code)
	bad := filepath.Join(w.home, "bad.omgidx")
	for name, at := range sections(t, good) {
		t.Run(name, func(t *testing.T) {
			require.Less(t, at[0], at[1])
			for _, where := range []int{at[0], (at[0] + at[1]) / 2, at[1] - 1} {
				b := bytes.Clone(good)
				b[where] ^= 0x10
				require.NoError(t, os.WriteFile(bad, b, 0o644))
				errorLine(t, programs.Run(t, w.env, "omg-index", "verify", bad), "omg-index", failed, bad)
				r := programs.Run(t, w.env, "omg", slices.Concat([]string{"--no-daemon", "--index", bad}, w.config(), []string{"search", "lib"})...)
				clean(t, r)
				require.Equal(t, answered, r.Code, "byte %d: %s", where, r.Stderr)
				require.Equal(t, want.Stdout, r.Stdout, "byte %d: %s", where, r.Stderr)
				require.LessOrEqual(t, bytes.Count([]byte(r.Stderr), []byte("\n")), 1, r.Stderr)
			}
		})
	}
}

// TestOwnIndexBad: a daemon whose own index is not to be used builds it anew.
func TestOwnIndexBad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.built(t)
	for _, c := range badIndexes(good) {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(w.index()))
			c.make(t, w.index())
			if c.name == "a directory" {
				d := w.launch(t)
				require.Eventually(t, func() bool {
					r := d.omg(t, append(w.config(), "search", "lib", "-q")...)
					return r.Code == answered && strings.Contains(r.Stderr, w.index()+": is a directory")
				}, 10*time.Second, 20*time.Millisecond)
				require.NoError(t, os.Remove(w.index()))
				d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
				d.Stop(t)
				return
			}
			d := w.start(t)
			d.fine(t)
			d.Stop(t)
			require.Zero(t, programs.Run(t, w.env, "omg-index", "verify", w.index()).Code)
		})
	}
	for name, at := range sections(t, good) {
		t.Run("a flipped bit in "+name, func(t *testing.T) {
			b := bytes.Clone(good)
			b[(at[0]+at[1])/2] ^= 0x10
			require.NoError(t, os.WriteFile(w.index(), b, 0o644))
			d := w.start(t)
			require.Eventually(t, func() bool {
				return programs.Run(t, w.env, "omg-index", "verify", w.index()).Code == answered
			}, 10*time.Second, 20*time.Millisecond, "the index stays damaged: %s", d.Stderr())
			d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
		})
	}
}

// TestIndexChangedUnderDaemon asks all the time while others do to the mapped file what they like. Every answer is the
// right one, or none from omgd; some seconds later all are right again.
func TestIndexChangedUnderDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.built(t)
	open := func(t *testing.T) *os.File {
		f, err := os.OpenFile(w.index(), os.O_WRONLY, 0)
		require.NoError(t, err)
		return f
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"removed", func(t *testing.T) { require.NoError(t, os.Remove(w.index())) }},
		{"truncated", func(t *testing.T) { require.NoError(t, os.Truncate(w.index(), 0)) }},
		{"truncated to a page", func(t *testing.T) { require.NoError(t, os.Truncate(w.index(), 4096)) }},
		{"overwritten with zeros", func(t *testing.T) {
			f := open(t)
			_, err := f.WriteAt(make([]byte, len(good)), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}},
		{"overwritten with ones", func(t *testing.T) {
			f := open(t)
			_, err := f.WriteAt(bytes.Repeat([]byte{0xff}, len(good)-headerSize), headerSize)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}},
		{"shifted by a byte", func(t *testing.T) {
			f := open(t)
			_, err := f.WriteAt(good[:len(good)-headerSize-1], headerSize+1)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}},
		{"replaced by a directory", func(t *testing.T) {
			require.NoError(t, os.Remove(w.index()))
			require.NoError(t, os.Mkdir(w.index(), 0o755))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(w.index()))
			w.built(t)
			d := w.start(t)
			right := d.omg(t, "search", "lib")
			require.Equal(t, answered, right.Code)
			calm := make(chan struct{})
			asked := make(chan int, 1)
			go func() {
				n := 0
				for ; ; n++ {
					select {
					case <-calm:
						asked <- n
						return
					default:
					}
					for _, q := range [][]string{{"lib"}, {"-x", "^l.*b"}, {"e"}} {
						p, err := connect(d)
						if err != nil {
							continue // the test has ended
						}
						p.search(q...)
						_, _ = p.answer()
						p.close()
					}
				}
			}()
			c.do(t)
			if fi, err := os.Stat(w.index()); err == nil && fi.IsDir() {
				d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["extra"] == wire.SourceStale })
				require.NoError(t, os.Remove(w.index()))
			}
			d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 && states(s)["extra"] == wire.SourceOK })
			close(calm)
			require.Positive(t, <-asked)
			require.Equal(t, right.Stdout, d.omg(t, "search", "lib").Stdout)
			require.Eventually(t, func() bool {
				return programs.Run(t, w.env, "omg-index", "verify", w.index()).Code == answered
			}, 10*time.Second, 20*time.Millisecond, "there is no good index: %s", d.Stderr())
			require.NotContains(t, d.Stderr(), "panic")
		})
	}
}

// TestGivenIndexChangedUnderDaemon: an index that was built elsewhere is never built over.
func TestGivenIndexChangedUnderDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built(t)
	given := filepath.Join(w.home, "given.omgidx")
	good := read(t, w.index())
	require.NoError(t, os.WriteFile(given, good, 0o644))
	d := w.start(t, "--index", given)
	require.NoError(t, os.Truncate(given, 4096))
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
	require.Len(t, read(t, given), 4096)
	replace(t, given, good)
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
	require.Equal(t, good, read(t, given))
}
