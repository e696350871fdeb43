package statusfile

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func example() Status {
	return Status{
		Installed: NewNumber(924), Explicit: NewNumber(201), Orphans: NewNumber(0), Updates: NewNumber(48), Vulnerabilities: NewNumber(3),
		RefreshedAt: time.Unix(1_767_225_600, 0).UTC(), Interval: 300 * time.Second, UpdatesAsOf: time.Unix(0x6955b810, 0).UTC(),
		Boot:            BootID{0: 0xb0, 15: 0x07},
		RuntimeVersions: []RuntimeVersion{{"node", "24.1.0"}, {"go", "1.26"}},
		Security: Security{
			Critical: NewNumber(0), High: NewNumber(1), Medium: NewNumber(2), Low: NewNumber(0), Fixable: NewNumber(2), InTesting: NewNumber(1), Affected: NewNumber(0), Unconfirmed: NewNumber(7),
		},
		AURFindings: AURFindings{Act: NewNumber(0), Look: NewNumber(2)},
	}
}

// exampleHex is the content of the status file that encodes the result of the function example, in hexadecimal. The order
// of the fields is that in the package comment.
const exampleHex = `
53474d4f 01 000000
9c030000 c9000000 00000000 30000000
00b9556900000000
2c010000 10000000
ffffffff 03000000
b0000000000000000000000000000007
94000000 02 000000
04 6e6f6465 06 32342e312e30
02 676f     04 312e3236
00000000 01000000 02000000 00000000 ffffffff
02000000 01000000 00000000 07000000
10b8556900000000
00000000 02000000 ffffffff
`

func TestFormat(t *testing.T) {
	want, err := hex.DecodeString(strings.Join(strings.Fields(exampleHex), ""))
	require.NoError(t, err)
	s := example()
	got, err := s.encode()
	require.NoError(t, err)
	require.Equal(t, hex.Dump(want), hex.Dump(got))
	back, err := decode(want)
	require.NoError(t, err)
	require.Equal(t, example(), back)
	require.Equal(t, "?", back.AURUpdates.String())
	require.Equal(t, "0", back.Orphans.String())
}

// TestFormat_Partial checks the bit of each partial number. Older readers skip the byte with these bits.
func TestFormat_Partial(t *testing.T) {
	s := example()
	for bit, number := range s.numbers() {
		s := example()
		n := s.numbers()[bit].n
		if number.n.Known {
			n.Partial = true
		}
		b, err := s.encode()
		require.NoError(t, err)
		back, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, s, back)
		if !number.n.Known {
			continue
		}
		require.Equal(t, []byte{1 << bit, 0, 0}, b[partialOffset:fixedSize])
		b[partialOffset] = 0
		same := example()
		want, err := same.encode()
		require.NoError(t, err)
		require.Equal(t, want, b, "all other bytes stay the same")
	}
}

// TestFormat_Degraded checks the bit of each degraded part. Older readers skip the byte with these bits.
func TestFormat_Degraded(t *testing.T) {
	for bit, name := range []string{"watch", "local", "store"} {
		s := example()
		s.Degraded = ParseDegradedPart(name)
		b, err := s.encode()
		require.NoError(t, err)
		require.Equal(t, []byte{0, 1 << bit, 0}, b[partialOffset:fixedSize])
		back, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, s, back)
		require.Equal(t, []string{name}, back.Degraded.Names())
	}
	require.Zero(t, ParseDegradedPart("libalpm"), "the file has no bit for libalpm")
	require.Empty(t, DegradedParts(0xf8).Names(), "bits that only a newer omgd sets are skipped")
}

// TestFormat_PartialUnknown checks that an unknown number is not partial, even if its bit for partial is set, and that bits
// without a meaning are ignored.
func TestFormat_PartialUnknown(t *testing.T) {
	s := example()
	s.AURUpdates, s.AURFindings = Number{Partial: true}, AURFindings{Look: Number{Partial: true}}
	b, err := s.encode()
	require.NoError(t, err)
	b[partialOffset] |= 0xd0 // 16 is the bit of AUR updates, 64 that of findings; 128 has no meaning yet
	back, err := decode(b)
	require.NoError(t, err)
	want := example()
	want.AURFindings = AURFindings{}
	require.Equal(t, want, back)
}

// TestFormat_PartialFindings checks that the findings, which have one bit, are partial together.
func TestFormat_PartialFindings(t *testing.T) {
	s := example()
	s.AURFindings.Look.Partial = true
	b, err := s.encode()
	require.NoError(t, err)
	require.Equal(t, []byte{64, 0, 0}, b[partialOffset:fixedSize])
	back, err := decode(b)
	require.NoError(t, err)
	require.Equal(t, "0?", back.AURFindings.Act.String())
	require.Equal(t, "2?", back.AURFindings.Look.String())
	require.Equal(t, "?", back.AURFindings.Note.String())
	require.Equal(t, "2?", back.AURFindings.ToLookAt().String())
	back.AURFindings.Act = NewNumber(3)
	require.Equal(t, "5?", back.AURFindings.ToLookAt().String())
	require.Equal(t, "?", (&AURFindings{Look: NewNumber(1)}).ToLookAt().String())
}

func TestNumber_String(t *testing.T) {
	for want, n := range map[string]Number{"?": {}, "0": {Known: true}, "2?": {N: 2, Known: true, Partial: true}, "0?": {Known: true, Partial: true}} {
		require.Equal(t, want, n.String())
	}
	require.Equal(t, "?", Number{N: 2, Partial: true}.String(), "an unknown number")
}

func TestFormat_MoreAtTheEnd(t *testing.T) {
	s := example()
	b, err := s.encode()
	require.NoError(t, err)
	b = append(b, "what is added later"...)
	b[64] = byte(len(b))
	back, err := decode(b)
	require.NoError(t, err)
	require.Equal(t, example(), back)
}

func TestFormat_Earlier(t *testing.T) {
	s := example()
	b, err := s.encode()
	require.NoError(t, err)
	for _, earlier := range []struct {
		without int
		lacks   func()
	}{
		{findingsSize, func() { s.AURFindings = AURFindings{} }},
		{asOfSize, func() { s.UpdatesAsOf = time.Time{} }},
		{securitySize, func() { s.Security = Security{} }},
	} {
		b = b[:len(b)-earlier.without]
		b[64] = byte(len(b))
		back, err := decode(b)
		require.NoError(t, err)
		earlier.lacks()
		require.Equal(t, s, back)
	}
}

func TestFormat_UnknownIsNeverZero(t *testing.T) {
	b, err := (&Status{RefreshedAt: time.Unix(1, 0), Interval: time.Second}).encode()
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{0xff}, 16), b[8:24], "prompts that read these with od see no 0")
	back, err := decode(b)
	require.NoError(t, err)
	for _, n := range back.numbers() {
		require.False(t, n.n.Known)
	}
	require.Equal(t, bytes.Repeat([]byte{0xff}, securitySize), b[fixedSize:fixedSize+securitySize])
	require.True(t, back.UpdatesAsOf.IsZero())
	require.Equal(t, Security{}, back.Security)
	for n, want := range map[int]string{0: "0", 7: "7", -1: "?", unknownNumber: "?", unknownNumber - 1: "4294967294"} {
		require.Equal(t, want, NewNumber(n).String())
	}
}

func TestDecode_Refuses(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":                       func([]byte) []byte { return nil },
		"the old system's":            func(b []byte) []byte { return b[:32] },
		"a byte less":                 func(b []byte) []byte { return b[:len(b)-1] },
		"a byte more":                 func(b []byte) []byte { return append(b, 0) },
		"too large":                   func(b []byte) []byte { return append(b, make([]byte, maxSize)...) },
		"another magic":               func(b []byte) []byte { b[0]++; return b },
		"another version":             func(b []byte) []byte { b[4] = 2; return b },
		"time zero":                   func(b []byte) []byte { clear(b[24:32]); return b },
		"a time that is out of range": func(b []byte) []byte { b[31] = 0xff; return b },
		"interval zero":               func(b []byte) []byte { clear(b[32:36]); return b },
		"an endless interval":         func(b []byte) []byte { b[35] = 0xff; return b },
		"more versions than there are": func(b []byte) []byte {
			b[68] = 3
			return b
		},
		"far too many versions": func(b []byte) []byte { b[68] = 255; return b },
		"an empty name":         func(b []byte) []byte { b[72] = 0; return b },
		"a name past the end":   func(b []byte) []byte { b[72] = 64; return b },
		"a name too long":       func(b []byte) []byte { b[72] = 65; return b },
	} {
		t.Run(name, func(t *testing.T) {
			s := example()
			b, err := s.encode()
			require.NoError(t, err)
			_, err = decode(spoil(b))
			require.ErrorIs(t, err, ErrFormat)
		})
	}
}

func TestEncode_Refuses(t *testing.T) {
	for name, spoil := range map[string]func(*Status){
		"no time":           func(s *Status) { s.RefreshedAt = time.Time{} },
		"no interval":       func(s *Status) { s.Interval = 0 },
		"a negative one":    func(s *Status) { s.Interval = -time.Second },
		"half a second":     func(s *Status) { s.Interval = time.Second / 2 },
		"a hundred years":   func(s *Status) { s.Interval = 100 * 365 * 24 * time.Hour },
		"too many versions": func(s *Status) { s.RuntimeVersions = make([]RuntimeVersion, maxVersions+1) },
		"an empty version":  func(s *Status) { s.RuntimeVersions[0].Version = "" },
		"a long name":       func(s *Status) { s.RuntimeVersions[0].Runtime = strings.Repeat("x", maxText+1) },
		"too much in all": func(s *Status) {
			long := strings.Repeat("x", maxText)
			s.RuntimeVersions = nil
			for range maxVersions {
				s.RuntimeVersions = append(s.RuntimeVersions, RuntimeVersion{long, long})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := example()
			spoil(&s)
			_, err := s.encode()
			require.Error(t, err)
		})
	}
}

func TestStatus_Fresh(t *testing.T) {
	s := example()
	for _, c := range []struct {
		name  string
		after time.Duration
		boot  BootID
		want  string
	}{
		{"at once", 0, s.Boot, ""},
		{"three intervals", 15 * time.Minute, s.Boot, ""},
		{"more", 15*time.Minute + time.Second, s.Boot, "stale: last refreshed 15m1s ago, expected every 5m0s"},
		{"another boot", 0, BootID{}, "stale: older than the last boot"},
		{"a clock that was set back a little", -5 * time.Minute, s.Boot, ""},
		{"a clock that was set back", -time.Hour, s.Boot, "stale: the time of the refresh is 1h0m0s in the future"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := s.CheckFresh(s.RefreshedAt.Add(c.after), c.boot)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrStale)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestParseBootID(t *testing.T) {
	id, err := parseBootID([]byte("01020304-0506-0708-090a-0b0c0d0e0f10\n"))
	require.NoError(t, err)
	require.Equal(t, BootID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, id)
	for _, bad := range []string{"", "01020304", "g1020304-0506-0708-090a-0b0c0d0e0f10", strings.Repeat("0", 33)} {
		_, err := parseBootID([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func FuzzDecode(f *testing.F) {
	s := example()
	b, err := s.encode()
	require.NoError(f, err)
	f.Add(b)
	f.Add(b[:fixedSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		retryEINTR, err := s.encode()
		require.NoError(t, err)
		back, err := decode(retryEINTR)
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}
