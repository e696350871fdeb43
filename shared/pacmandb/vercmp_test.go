package pacmandb

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// hardVersions contains versions for each rule of the comparison.
var hardVersions = []string{
	"", "0", "00", "1", "01", "1.0", "1.00", "1.0.0", "1.", "1..0", "1_0", "1+0", ".1", "..1", "1.0.",
	"1a", "1.a", "1a1", "1a.1", "a", "a1", "A", "Z", "z", "1.0a", "1.0rc1", "1.0.rc1", "1.0rc", "1.0beta2", "1.0_rc1",
	"1-1", "1-2", "1-1.1", "1-", "-1", "1-1-1", "1.0-1", "1.0a-1", "1-a",
	"0:1", "1:0", "01:0", "1:", ":1", ":", "1:1:1", "a:1", "1a:1", "2:1-1", "1:-", "1:1-", "10:1", "9:1",
	"99999999999999999999999999", "099999999999999999999999999", "100000000000000000000000000",
	"1~rc1", "1^git", "1.0~", "r1234.abcdef0", "r1235.0123456", "20220101", "2022.01.01", "1.0.r5.gabc123",
	"1é", "é", "1.é.1", "1\x80", "2.30+r1+gabc", "2.30+r10+gabc", "1.0 1", "1 .0", "1.0alpha", "1.0ALPHA",
}

// libalpmSource is a C program that compares many pairs of versions, one version per line. The program vercmp needs a
// process for each pair.
const libalpmSource = `
#include <alpm.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	static char a[1 << 16], b[1 << 16];
	while (fgets(a, sizeof a, stdin) && fgets(b, sizeof b, stdin)) {
		a[strcspn(a, "\n")] = b[strcspn(b, "\n")] = 0;
		printf("%d\n", alpm_pkg_vercmp(a, b));
	}
	return 0;
}
`

// libalpm compares pairs of versions with libalpm, using a small C program.
func libalpm(t *testing.T, pairs [][2]string) []int {
	t.Helper()
	cc := need.Program(t, "cc")
	need.LibAlpm(t)
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "libalpm").Output()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "compare")
	build := exec.Command(cc, append([]string{"-o", program, "-x", "c", "-"}, strings.Fields(string(flags))...)...)
	build.Stdin = strings.NewReader(libalpmSource)
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	return compared(t, exec.Command(program), pairs)
}

// compared passes the pairs to a program, one version per line, and returns the program's results.
func compared(t *testing.T, cmd *exec.Cmd, pairs [][2]string) (out []int) {
	t.Helper()
	var in strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s\n%s\n", p[0], p[1])
	}
	cmd.Stdin = strings.NewReader(in.String())
	answers, err := cmd.Output()
	require.NoError(t, err)
	for line := range strings.FieldsSeq(string(answers)) {
		n, err := strconv.Atoi(line)
		require.NoError(t, err)
		out = append(out, n)
	}
	require.Len(t, out, len(pairs))
	return out
}

// TestCompare_Libalpm compares Compare with libalpm. The pairs are random pairs of real versions, neighbours in byte
// order (which often share a prefix), real versions with one changed character, and all pairs of hardVersions.
func TestCompare_Libalpm(t *testing.T) {
	var versions []string
	for _, f := range corpusDatabases(t) {
		_, err := ReadSync(t.Context(), f.Path, f.Name, func(p *wire.Package) error {
			versions = append(versions, p.Version)
			return nil
		}, nil)
		require.NoError(t, err)
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	require.Greater(t, len(versions), 1500)

	dice := rand.New(rand.NewPCG(1, 2))
	draw := func() string { return versions[dice.IntN(len(versions))] }
	const want = 20_000 // the number of pairs besides those of hardVersions
	pairs := make([][2]string, 0, want)
	for i := range len(versions) - 1 {
		pairs = append(pairs, [2]string{versions[i], versions[i+1]})
	}
	for len(pairs) < want/2 {
		pairs = append(pairs, [2]string{draw(), draw()})
	}
	for len(pairs) < want {
		v := draw()
		at := dice.IntN(len(v))
		changed := v[:at] + string("0129a.z-:_+"[dice.IntN(11)]) + v[at+dice.IntN(2):]
		if changed[0] != '-' {
			pairs = append(pairs, [2]string{v, changed})
		}
	}
	pairs = append(pairs, hardPairs()...)
	for i, want := range libalpm(t, pairs) {
		a, b := pairs[i][0], pairs[i][1]
		require.Equal(t, want, Compare(a, b), "%q %q", a, b)
		require.Equal(t, -want, Compare(b, a), "%q %q", b, a)
	}
}

func hardPairs() (pairs [][2]string) {
	for i, a := range hardVersions {
		for _, b := range hardVersions[:i] {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	return pairs
}

// TestCompare_Vercmp compares Compare with the program vercmp, which runs once for each pair.
func TestCompare_Vercmp(t *testing.T) {
	need.Program(t, "vercmp")
	var pairs [][2]string
	for i, p := range hardPairs() {
		if i%10 == 0 && !strings.HasPrefix(p[0], "-") && !strings.HasPrefix(p[1], "-") { // vercmp treats a version with a leading hyphen as an option
			pairs = append(pairs, p)
		}
	}
	for i, want := range compared(t, exec.Command("xargs", "-d", "\n", "-n", "2", "vercmp"), pairs) {
		require.Equal(t, want, Compare(pairs[i][0], pairs[i][1]), "%q", pairs[i])
	}
}

func TestCompare_AllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { Compare("1:2.30+r1+gabc-1", "1:2.30+r10+gabc-1") }))
}

// regular reports whether v has a release, its parts begin and end with a letter or digit, and one character separates
// two segments. For such versions Compare is a consistent order.
func regular(v string) bool {
	_, version, release, ok := splitVersion(v)
	for _, part := range []string{version, release} {
		separated := true
		for i := range len(part) {
			if isDigit(part[i]) || isLetter(part[i]) {
				separated = false
			} else if separated {
				return false
			} else {
				separated = true
			}
		}
		ok = ok && !separated
	}
	return ok
}

// FuzzCompare checks that Compare is antisymmetric for all versions, and transitive for regular versions.
func FuzzCompare(f *testing.F) {
	for i, v := range hardVersions {
		f.Add(v, hardVersions[(i+1)%len(hardVersions)], hardVersions[(i+7)%len(hardVersions)])
	}
	f.Add("1a1-1", "1a.b-1", "1a-1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab := Compare(a, b)
		require.Equal(t, -ab, Compare(b, a))
		require.Zero(t, Compare(a, a))
		if bc := Compare(b, c); regular(a) && regular(b) && regular(c) && ab <= 0 && bc <= 0 {
			// a <= b and b <= c. If a < b or b < c, then a < c must be true. Otherwise all three versions must be equal.
			want := min(ab, bc)
			require.Equal(t, want, Compare(a, c), "%q %q %q: %d %d", a, b, c, ab, bc)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	pairs := [][2]string{{"105.0.5195.102-2", "105.0.5195.102-1"}, {"1:2.30+r1+gabc-1", "1:2.30+r10+gabc-1"}, {"5.15.6+kde+r165-1", "5.15.6-1"}, {"251.4-1", "251.4-1"}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := pairs[i%len(pairs)]
		Compare(p[0], p[1])
	}
}
