package pacman

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/termtext"
)

// seed, together with the number of a random system, determines the system.
const seed = 16

// questionsEach is the number of questions about one system.
const questionsEach = 20

// TestRandom compares omg with pacman on random systems. It compares 100,000 answers if OMG_SOAK is set, and otherwise
// the answers about 40 systems, which takes a few seconds. Each system is a subtest: go test -run
// 'TestRandom/systems/^17$' repeats the test of system 17.
func TestRandom(t *testing.T) {
	need.Program(t, "pacman")
	systems := 40
	if os.Getenv("OMG_SOAK") != "" {
		systems = 100_000 / questionsEach
	}
	var compared atomic.Int64
	t.Run("systems", func(t *testing.T) {
		for i := range systems {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				compared.Add(int64(compareRandom(t, uint64(i))))
			})
		}
	})
	t.Logf("%d answers of %d systems compared", compared.Load(), systems)
	require.GreaterOrEqual(t, int(compared.Load()), systems)
}

// compareRandom compares omg's answers about one random system with pacman's. It returns the number of compared
// answers. On every tenth system, omg answers in all three ways: with a daemon, with an index, and from the databases.
// On all other systems, omg answers only from the databases.
func compareRandom(t *testing.T, number uint64) (n int) {
	d := newDice(seed, number)
	s := newRandomSystem(t, d)
	ways := []harness.AnswerWay{s.DatabasesAnswerWay()}
	if number%10 == 0 && !s.damaged {
		ways = s.AnswerWays()
	}
	for range questionsEach {
		q, codes := s.question(d)
		want := s.Pacman(q.pacman...)
		// An invalid size is 0 for omg.
		want.Stdout = strings.ReplaceAll(want.Stdout, "Installed Size  : -1.00 B", "Installed Size  : 0.00 B")
		for _, way := range ways {
			n++
			got := way.Omg(q.omg...)
			what := fmt.Sprintf("system %d, %s: %s\npacman: %s\nomg: %s", number, way.Name, q, want.Stderr, got.Stderr)
			switch q.pacman[0] {
			case "-Ss":
				if !s.searches {
					continue // no repository can be searched: omg's message differs from pacman's
				}
				require.Equal(t, results(want.Stdout), results(got.Stdout), what)
			case "-Si":
				require.Equal(t, clean(want.Stdout), clean(installedLine.ReplaceAllString(got.Stdout, "")), what)
			default:
				if s.damaged && got.Code == 3 && got.Stdout == "" {
					continue // no repository can be read: omg does not list foreign packages
				}
				require.Equal(t, clean(want.Stdout), clean(got.Stdout), what)
			}
			if codes && !s.damaged && got.Code != 3 { // omg exits with 3 if it could not read something
				require.Equal(t, want.Code != 0, got.Code != 0, what)
			}
		}
	}
	n += compareReplacements(t, s, number)
	return n
}

// clean replaces control characters in pacman's output, as omg does.
func clean(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = termtext.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// results returns the results of a search, sorted as text: for names that differ in case, omg's own order differs from
// pacman's.
func results(text string) []string {
	lines := strings.Split(clean(text), "\n")
	var all []string
	for pair := range slices.Chunk(lines, 2) {
		all = append(all, strings.Join(pair, "\n"))
	}
	slices.Sort(all)
	return all
}

var replaces = regexp.MustCompile(`:: Replace (\S+) with (\S+?)\?|warning: cannot replace (\S+) by (\S+)`)

// compareReplacements compares the replacements that omg lists with those that pacman -Su proposes. pacman -Su changes
// nothing: it ends because it finds nothing to download.
func compareReplacements(t *testing.T, s *randomSystem, number uint64) int {
	if os.Geteuid() != 0 || s.damaged {
		return 0
	}
	var want, cannot []string
	r := s.Pacman("-Su", "--noconfirm")
	for _, m := range replaces.FindAllStringSubmatch(r.Stderr+"\n"+r.Stdout, -1) {
		repo, by, _ := strings.Cut(m[2], "/")
		if m[1] != "" && m[1] != by {
			want = append(want, m[1]+" "+repo+"/"+by)
		}
		if m[3] != "" {
			cannot = append(cannot, m[3]+" "+m[4])
		}
	}
	// For such a package, pacman proposes a replacement on one output stream, and withdraws the proposal on the other.
	for _, c := range cannot {
		name, by, _ := strings.Cut(c, " ")
		i := slices.IndexFunc(want, func(w string) bool { return strings.HasPrefix(w, name+" ") && strings.HasSuffix(w, "/"+by) })
		if i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
	}
	way := s.DatabasesAnswerWay()
	var got []string
	for line := range strings.Lines(way.Omg("outdated", "--all").Stdout) {
		f := strings.Fields(line)
		if len(f) > 4 && f[2] == "replaced" && !strings.Contains(line, "[ignored]") {
			got = append(got, f[0]+" "+f[4])
		}
	}
	require.ElementsMatch(t, want, got, "system %d: %s%s", number, r.Stdout, r.Stderr)
	return 1
}
