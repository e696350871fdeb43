package badinput

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	headerSize = 64
	entrySize  = 32
	// emptySection is the only section that is empty, because no index is built with the shares of machines.
	emptySection = "SHAR"
)

// sections returns where each part of an index begins and ends: the header, the section table, and each section. It
// reads the index as the documentation of the format describes.
func sections(t *testing.T, index []byte) map[string][2]int {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(index[12:]))
	at := map[string][2]int{"header": {0, 32}, "table": {headerSize, headerSize + n*entrySize}}
	for i := range n {
		e := index[headerSize+i*entrySize:]
		begin := int(binary.LittleEndian.Uint64(e[8:]))
		at[string(e[:4])] = [2]int{begin, begin + int(binary.LittleEndian.Uint64(e[16:]))}
	}
	require.Len(t, at, 13)
	return at
}

// newer returns the index with the next format version and a correct header checksum.
func newer(index []byte) []byte {
	b := bytes.Clone(index)
	binary.LittleEndian.PutUint32(b[8:], binary.LittleEndian.Uint32(b[8:])+1)
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// badIndex describes how to make an unusable file in the place of an index.
type badIndex struct {
	name string
	make func(t *testing.T, path string)
	says string
}

func badIndexes(good []byte) []badIndex {
	content := func(b []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			harness.WriteFile(t, path, b)
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
		{"a directory", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) }, "no index in "},
		{"a pipe", func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o644)) }, "regular"},
		{"writable by others", func(t *testing.T, path string) {
			content(good)(t, path)
			require.NoError(t, os.Chmod(path, 0o666))
		}, "chmod"},
	}
}

func TestIndex_Bad(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	good := goodIndex(s)
	s.BuildIndexes()
	want := s.RunWithoutDaemon("search", "lib")
	require.Equal(t, answered, want.Code)
	require.Empty(t, want.Stderr, "a current index needs no note")
	bad := s.Path("bad.omgidx")
	cases := badIndexes(good)
	if os.Getuid() == 0 {
		cases = append(cases, badIndex{"another's", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, good, 0o644))
			require.NoError(t, os.Chown(path, 12345, 12345))
		}, "12345"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			require.NoError(t, os.RemoveAll(bad))
			c.make(t, bad)
			for _, command := range []string{"verify", "info", "dump"} {
				r := s.Run("omg-index", command, bad)
				if c.name == "another's" {
					require.Equal(t, answered, r.Code, "a file that is named is believed: %s", r.Stderr)
					continue
				}
				harness.RequireError(t, r, "omg-index", failed, bad, c.says)
			}
			requireFallback(s, bad, want, c.says)
		})
	}
	t.Run("none", func(t *testing.T) {
		s := s.ForSubtest(t)
		require.NoError(t, os.RemoveAll(bad))
		harness.RequireError(t, s.Run("omg-index", "verify", bad), "omg-index", failed, bad, "no such file")
		requireFallback(s, bad, want, "no such file")
	})
}

// requireFallback runs a search with a bad index. omg must read the answer from the databases, the answer must equal
// want, and omg must print one line with the reason why it did not use the index.
func requireFallback(s *harness.System, index string, want harness.Result, reason string) {
	s.T.Helper()
	r := withIndex(s, index, "search", "lib")
	harness.RequireSafeOutput(s.T, r)
	require.Equal(s.T, answered, r.Code, r.Stderr)
	require.Equal(s.T, want.Stdout, r.Stdout)
	require.Regexp(s.T, `^omg: [^\n]+\n$`, r.Stderr)
	require.Contains(s.T, r.Stderr, reason)
}

// TestIndex_FlippedBit flips one bit in each part of an index. omg-index verify must detect each flipped bit, and omg's
// answer must always be right.
func TestIndex_FlippedBit(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	good := goodIndex(s)
	want := s.RunWithoutDaemon("search", "lib")
	require.Equal(t, nothing, s.RunWithoutDaemon("info", "--json", "extra/nosuch").Code)
	bad := s.Path("bad.omgidx")
	for name, at := range sections(t, good) {
		if name == emptySection {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := s.ForSubtest(t)
			require.Less(t, at[0], at[1])
			for _, where := range []int{at[0], (at[0] + at[1]) / 2, at[1] - 1} {
				b := bytes.Clone(good)
				b[where] ^= 0x10
				require.NoError(t, os.WriteFile(bad, b, 0o644))
				harness.RequireError(t, s.Run("omg-index", "verify", bad), "omg-index", failed, bad)
				r := withIndex(s, bad, "search", "lib")
				harness.RequireSafeOutput(t, r)
				require.Equal(t, answered, r.Code, "byte %d: %s", where, r.Stderr)
				require.Equal(t, want.Stdout, r.Stdout, "byte %d: %s", where, r.Stderr)
				require.LessOrEqual(t, strings.Count(r.Stderr, "\n"), 1, r.Stderr)
			}
		})
	}
}

// awaitGoodIndex waits until the daemon has built indexes that omg-index verify accepts.
func awaitGoodIndex(t *testing.T, d *harness.Daemon) {
	t.Helper()
	s := d.System.ForSubtest(t)
	harness.Await(t, func() bool {
		return s.Run("omg-index", "verify", s.IndexPath("core"), s.IndexPath("extra"), s.IndexPath("multilib")).Code == answered
	},
		"there are good indexes; omgd printed: %s", d.Stderr)
}

// TestOwnIndex_Bad checks that a daemon that cannot use its own index builds another one, in memory if it cannot
// replace the bad one.
func TestOwnIndex_Bad(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	path := s.IndexPath("extra")
	good := harness.ReadFile(t, path)
	for _, c := range badIndexes(good) {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			require.NoError(t, os.RemoveAll(path))
			c.make(t, path)
			d := s.StartDaemon()
			awaitSearch(t, d, "all packages", isCurrent)
			requireHealthyOmg(t, d)
			if c.name == "a directory" {
				d.AwaitStatus(func(r *wire.StatusResult) bool {
					return slices.ContainsFunc(r.Problems, func(p wire.Problem) bool {
						return p.Name == "index" && strings.Contains(p.Why, path+": is a directory")
					})
				}, "the directory in an index's place")
				d.Stop()
				require.NoError(t, os.Remove(path))
				d = s.StartDaemon()
			}
			d.Stop()
			require.Zero(t, s.Run("omg-index", "verify", path).Code)
		})
	}
	for name, at := range sections(t, good) {
		if name == emptySection {
			continue
		}
		t.Run("a flipped bit in "+name, func(t *testing.T) {
			s := s.ForSubtest(t)
			b := bytes.Clone(good)
			b[(at[0]+at[1])/2] ^= 0x10
			require.NoError(t, os.WriteFile(path, b, 0o644))
			d := s.StartDaemon()
			awaitGoodIndex(t, d)
			awaitSearch(t, d, "all packages", isCurrent)
			requireHealthyOmg(t, d)
			d.Stop()
		})
	}
}

// requestLoop sends requests to a daemon without a pause until it is stopped.
type requestLoop struct {
	rounds atomic.Int64
	stop   chan struct{}
	ended  chan struct{}
	wrong  []string // answers that differ from the first answer to the same request; read it only after calling end
}

func keepAsking(d *harness.Daemon) *requestLoop {
	a := &requestLoop{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		right := map[string][]wire.Package{}
		for ; ; a.rounds.Add(1) {
			select {
			case <-a.stop:
				return
			default:
			}
			for _, q := range [][]string{{"lib"}, {"-x", "^l.*b"}, {"e"}} {
				p, err := connect(d)
				if err != nil {
					continue // the test has ended
				}
				p.search(q...)
				s, err := p.answer()
				p.close()
				if err != nil {
					continue // not from omgd
				}
				if key := strings.Join(q, " "); a.rounds.Load() == 0 {
					right[key] = s.Packages
				} else if len(a.wrong) < 3 && !slices.Equal(packageNames(right[key]), packageNames(s.Packages)) {
					a.wrong = append(a.wrong, fmt.Sprintf("%s: %d packages, not %d, %+v", key, len(s.Packages), len(right[key]), s.Sources))
				}
			}
		}
	}()
	return a
}

func packageNames(packages []wire.Package) (names []string) {
	for _, p := range packages {
		names = append(names, p.Repo+"/"+p.Name+" "+p.Version)
	}
	return names
}

// awaitRound waits until the loop has sent each of its requests once more.
func (a *requestLoop) awaitRound(t *testing.T) {
	t.Helper()
	now := a.rounds.Load()
	harness.Await(t, func() bool { return a.rounds.Load() > now+1 }, "the questions are answered")
}

// end stops the loop and waits until it has stopped.
func (a *requestLoop) end() {
	close(a.stop)
	<-a.ended
}

// TestIndex_ChangedUnderDaemon sends requests all the time while the mapped file is changed. omgd continues, its
// answers are right, and after a while it has a good index again.
func TestIndex_ChangedUnderDaemon(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	path := s.IndexPath("extra")
	good := harness.ReadFile(t, path)
	overwrite := func(t *testing.T, b []byte, at int64) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(b, at)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T)
		// inPlace is set if another program overwrites the mapped bytes. A search may then miss packages until omgd
		// has checked the file.
		inPlace bool
	}{
		{"removed", func(t *testing.T) { require.NoError(t, os.Remove(path)) }, false},
		{"truncated", func(t *testing.T) { require.NoError(t, os.Truncate(path, 0)) }, false},
		{"truncated to a page", func(t *testing.T) { require.NoError(t, os.Truncate(path, 4096)) }, false},
		{"overwritten with zeros", func(t *testing.T) { overwrite(t, make([]byte, len(good)), 0) }, true},
		{"overwritten with ones", func(t *testing.T) { overwrite(t, bytes.Repeat([]byte{0xff}, len(good)-headerSize), headerSize) }, true},
		{"shifted by a byte", func(t *testing.T) { overwrite(t, good[:len(good)-headerSize-1], headerSize+1) }, true},
		{"replaced by a directory", func(t *testing.T) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			require.NoError(t, os.RemoveAll(path))
			s.BuildIndexes()
			d := s.StartDaemon()
			awaitSearch(t, d, "all packages", isCurrent)
			right := d.Omg("search", "lib")
			require.Equal(t, answered, right.Code)
			questions := keepAsking(d)
			questions.awaitRound(t)
			c.do(t)
			questions.awaitRound(t)
			if fi, err := os.Stat(path); err == nil && fi.IsDir() { // omgd cannot write an index here, so it answers from an index in memory
				awaitSearch(t, d, "all packages", isCurrent)
				require.NoError(t, os.Remove(path))
			} else {
				awaitGoodIndex(t, d)
			}
			awaitSearch(t, d, "all packages", isCurrent)
			questions.awaitRound(t)
			questions.end()
			if !c.inPlace {
				require.Empty(t, questions.wrong)
			}
			require.Equal(t, right.Stdout, d.Omg("search", "lib").Stdout)
			require.NotContains(t, d.Stderr(), "panic")
			d.Stop()
		})
	}
}

// TestNamedIndex_ChangedUnderDaemon checks that an index that was built elsewhere is never overwritten.
func TestNamedIndex_ChangedUnderDaemon(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	good := goodIndex(s)
	named := s.Path("named.omgidx")
	harness.WriteFile(t, named, good)
	all := func(r wire.SearchResult) bool { return r.Total == packages }
	d := s.StartDaemon("--index", named)
	awaitSearch(t, d, "all packages", all)
	require.NoError(t, os.Truncate(named, 4096))
	awaitSearch(t, d, "all packages of the databases", all)
	require.Len(t, harness.ReadFile(t, named), 4096)
	harness.ReplaceFile(t, named, good)
	awaitSearch(t, d, "all packages of the index", all)
	require.Equal(t, good, harness.ReadFile(t, named))
}
