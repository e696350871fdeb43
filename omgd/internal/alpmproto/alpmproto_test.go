package alpmproto

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func large() *Reply {
	a := &Reply{LibAlpm: "16.0.0", Databases: []Database{{Name: "core", PackageCount: 2}, {Name: "extra", Err: "damaged"}}}
	for i := range 20_000 {
		a.Installed = append(a.Installed, PackageFacts{
			Name: fmt.Sprintf("p%05d", i), Version: "1:2-3", Reason: int32(i % 3), NeedLevel: NeedLevel(i % 3),
			Repo: "core", Offered: "1:2-4", VersionOrder: 1, Ignored: i%2 == 0,
		})
	}
	for i := range 1000 {
		a.Packages = append(a.Packages, wire.Package{
			Repo: "core", Name: fmt.Sprintf("q%d", i), Version: "1-1", Depends: []string{"a", "b>=1"}, CSize: uint64(i),
			Desc: "not UTF-8: \xff",
		})
	}
	return a
}

var repos = []Repo{{Name: "core"}, {Name: "extra"}}

func TestReply_InParts(t *testing.T) {
	want := large()
	b, err := Encode(RequestID, want)
	require.NoError(t, err)
	require.Greater(t, len(b), 10*maxChunkSize)
	for _, size := range []int{1 << 10, 32 << 10, len(b)} { // a pipe may deliver the reply in pieces of any size
		var c Collector
		for rest := b; len(rest) > 0; {
			n := min(size, len(rest))
			written, err := c.Write(rest[:n])
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
			if len(rest) > 0 {
				_, err := c.Reply(OpFacts, repos)
				require.ErrorIs(t, err, ErrInvalidReply, "the reply is not complete yet")
			}
		}
		got, err := c.Reply(OpFacts, repos)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestReply_ManySmallValues checks packages with very many small values. If only the bytes of a frame were
// limited, a frame would get more values than a frame may have.
func TestReply_ManySmallValues(t *testing.T) {
	want := &Reply{LibAlpm: "1"}
	for i := range 300 {
		want.Packages = append(want.Packages, wire.Package{Repo: "r", Name: fmt.Sprint(i), Depends: strings.Split(strings.Repeat("x ", 1000)+"x", " ")})
	}
	b, err := Encode(RequestID, want)
	require.NoError(t, err)
	var c Collector
	_, err = c.Write(b)
	require.NoError(t, err)
	got, err := c.Reply(OpInfo, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEncode_Refuses(t *testing.T) {
	_, err := Encode(RequestID, &Reply{Packages: []wire.Package{{Desc: strings.Repeat("x", wire.MaxFrameSize)}}})
	require.ErrorIs(t, err, wire.ErrTooLarge)
	_, err = Encode(RequestID, &Reply{Packages: []wire.Package{{Depends: make([]string, wire.MaxRequestValues)}}})
	require.ErrorIs(t, err, wire.ErrMalformed)
	many := &Reply{}
	for range MaxReply / 500_000 {
		many.Packages = append(many.Packages, wire.Package{Desc: strings.Repeat("x", 500_000)})
	}
	many.Packages = append(many.Packages, many.Packages[0])
	_, err = Encode(RequestID, many)
	require.ErrorIs(t, err, wire.ErrTooLarge)
}

func TestCollector_Errors(t *testing.T) {
	var c Collector
	_, err := c.Write(wire.AppendError(nil, RequestID, wire.Errorf(CodeOpenFailed, "no database")))
	var werr *wire.Error
	require.ErrorAs(t, err, &werr)
	require.Equal(t, CodeOpenFailed, werr.Code)
	require.Equal(t, "no database", werr.Message)
}

func FuzzCollector(f *testing.F) {
	small := &Reply{LibAlpm: "1", Databases: []Database{{Name: "core"}, {Name: "extra"}}, Installed: []PackageFacts{{Name: "a"}}, Packages: []wire.Package{{Name: "b"}}}
	b, err := Encode(RequestID, small)
	require.NoError(f, err)
	f.Add(b)
	f.Add(wire.AppendError(nil, RequestID, wire.Errorf(CodeWithoutLibalpm, "x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole, bytewise Collector
		_, err := whole.Write(b)
		var err2 error
		for i := 0; i < len(b) && err2 == nil; i++ {
			_, err2 = bytewise.Write(b[i : i+1])
		}
		require.Equal(t, err == nil, err2 == nil)
		if err != nil {
			return
		}
		for _, op := range []string{OpFacts, OpInfo} {
			a, err := whole.Reply(op, repos)
			a2, err2 := bytewise.Reply(op, repos)
			require.Equal(t, err == nil, err2 == nil)
			require.Equal(t, a, a2)
			if err != nil {
				continue
			}
			again, err := Encode(RequestID, a)
			require.NoError(t, err)
			var c Collector
			_, err = c.Write(again)
			require.NoError(t, err)
			_, err = c.Reply(op, repos)
			require.NoError(t, err)
		}
	})
}
