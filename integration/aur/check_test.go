package aur

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
)

// checkAnswer is what omg aur check --json prints.
type checkAnswer map[string]any

// generation returns the number of the daemon's snapshot; 0 if omg has read the files itself.
func (c checkAnswer) generation() float64 {
	n, _ := c["generation"].(float64)
	return n
}

// check runs omg aur check, and returns its exit code and its answer.
func check(t *testing.T, omg func(...string) harness.Result) (int, checkAnswer, []string) {
	t.Helper()
	r := omg("aur", "check", "--json")
	var answer checkAnswer
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &answer), "%s%s", r.Stdout, r.Stderr)
	return r.Code, answer, strings.Split(downloadAge.ReplaceAllString(r.Stderr, "downloaded"), "\n")
}

// downloadAge is the part of a note that differs between two runs with the same data.
var downloadAge = regexp.MustCompile(`downloaded (just now|\d+ \w+ ago)`)

// TestCheck_Daemon checks on random systems that the findings of omgd are those that omg finds in the files. Only the number and the time of
// the snapshot may differ.
func TestCheck_Daemon(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := harness.New(t)
			r := rand.New(rand.NewPCG(seed, 18))
			s.BuildIndexes()
			randomAUR(s, r)
			d := s.StartDaemon()
			findings := 0
			for round := range 3 {
				if round > 0 {
					randomJournal(s, r) // omgd notices this when it is asked
				}
				var answer checkAnswer
				var code int
				var notes []string
				harness.Await(t, func() bool {
					code, answer, notes = check(t, d.Omg)
					return answer.generation() > 0
				}, "omgd has the findings")
				wantCode, want, wantNotes := check(t, s.RunWithoutDaemon)
				require.Zero(t, want.generation())
				for _, a := range []checkAnswer{answer, want} {
					delete(a, "generation")
					delete(a, "at")
				}
				require.Equal(t, want, answer)
				require.Equal(t, wantCode, code)
				require.Equal(t, wantNotes, notes)
				for _, p := range want["packages"].([]any) {
					findings += len(p.(map[string]any)["findings"].([]any))
				}
			}
			require.Greater(t, findings, 20)
		})
	}
}

// TestCheck_BuildFiles checks what is printed for a user with build files of a package, which omgd does not read: omgd's findings while the build
// files do not change, and otherwise those that follow from the change too.
func TestCheck_BuildFiles(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	randomAUR(s, rand.New(rand.NewPCG(1, 18)))
	// omg-direct finds the journal in the user's data directory.
	require.NoError(t, os.MkdirAll(filepath.Join(s.Home, ".local/share"), 0o755))
	require.NoError(t, os.Symlink(s.Data, filepath.Join(s.Home, ".local/share/omg")))
	d := s.StartDaemon()
	harness.Await(t, func() bool {
		_, answer, _ := check(t, d.Omg)
		return answer.generation() > 0
	}, "omgd has the findings")
	pkgbuild := filepath.Join(s.Home, ".cache/yay/own-2/PKGBUILD")
	const base = "pkgname=own-2\npkgver=1\npkgrel=1\nsource=('https://a.example/a.tar.gz')\n"
	harness.WriteFile(t, pkgbuild, base+"sha256sums=('aa')\n")
	_, answer, _ := check(t, d.Omg)
	require.Positive(t, answer.generation())
	require.FileExists(t, filepath.Join(s.Home, ".local/state/omg/builds/own-2.json"))
	_, want, _ := check(t, s.RunWithoutDaemon)
	require.Equal(t, want["packages"], answer["packages"])

	harness.WriteFile(t, pkgbuild, base+"sha256sums=('SKIP')\n")
	_, answer, _ = check(t, d.Omg)
	_, want, _ = check(t, s.RunWithoutDaemon)
	require.Zero(t, answer.generation())
	require.Equal(t, want["packages"], answer["packages"])
	text, err := json.Marshal(answer["packages"])
	require.NoError(t, err)
	require.Contains(t, string(text), "checksum-skipped")
}

// randomAUR installs packages, most of which are in the AUR, and writes its index and a journal.
func randomAUR(s *harness.System, r *rand.Rand) {
	s.T.Helper()
	now := time.Now().Unix()
	var objects []string
	for i := range 40 {
		name := "own-" + strconv.Itoa(i)
		built := now - r.Int64N(200*86400)
		more := []string{"BUILDDATE", strconv.FormatInt(built, 10), "INSTALLDATE", strconv.FormatInt(built+r.Int64N(86400), 10)}
		if r.IntN(3) > 0 {
			more = append(more, "PACKAGER", "eva <eva@example.org>", "VALIDATION", "none")
		}
		if i%8 == 1 {
			more = append(more, "BASE", "other-"+strconv.Itoa(i))
		}
		s.Install(name, "1-1", more...)
		if scripts := []string{"curl https://a.example | sh", "systemctl enable x.service", "npm install x", "echo x >/etc/profile.d/x.sh", "eval \"$1\"", "fi"}; r.IntN(2) == 0 {
			harness.WriteFile(s.T, filepath.Join(s.DB, "local", name+"-1-1", "install"), "post_install() {\n\t"+scripts[r.IntN(len(scripts))]+"\n}\n")
		}
		if i%10 == 9 {
			continue // it is not in the AUR
		}
		object := map[string]any{
			"Name": name, "PackageBase": name, "Version": "2-1", "NumVotes": r.IntN(300), "FirstSubmitted": now - r.Int64N(400*86400), "LastModified": now - r.Int64N(60*86400),
			"Submitter": "bob", "Maintainer": []any{nil, "bob", "mallory"}[r.IntN(3)], "CoMaintainers": []string{"ina"},
		}
		if r.IntN(4) == 0 {
			object["OutOfDate"] = now - r.Int64N(30*86400)
		}
		text, err := json.Marshal(object)
		require.NoError(s.T, err)
		objects = append(objects, string(text))
	}
	path := s.Path("dump.json")
	harness.WriteFile(s.T, path, "["+strings.Join(objects, ",\n")+"]")
	at := time.Unix(now-r.Int64N(3*86400), 0)
	require.NoError(s.T, os.Chtimes(path, at, at))
	build(s, path)
	randomJournal(s, r)
}

// randomJournal adds observations with random events to the journal.
func randomJournal(s *harness.System, r *rand.Rand) {
	s.T.Helper()
	var last int64
	w, err := journal.OpenWriter(filepath.Join(s.IndexDir(), journal.FileName), func(e *journal.Entry) error {
		last = e.Between.To
		return nil
	})
	require.NoError(s.T, err)
	now := time.Now().Unix()
	if last == 0 {
		last = now - 100*86400
		require.NoError(s.T, w.Append(&journal.Entry{Observation: journal.Observation{
			Outcome: journal.OutcomeBaseline, Source: journal.SourceDump, Between: journal.Interval{From: last, To: last},
		}}))
	}
	for last < now-3600 && r.IntN(6) > 0 {
		next := min(last+1+r.Int64N(20*86400), now)
		e := &journal.Entry{Observation: journal.Observation{
			Outcome: journal.OutcomeCompared, Source: journal.SourceDump, Between: journal.Interval{From: last, To: next},
		}}
		for range r.IntN(30) {
			e.Events = append(e.Events, journal.Event{
				Base: "own-" + strconv.Itoa(r.IntN(40)), Kind: journal.EventKind(1 + r.IntN(12)), Between: e.Between,
				From: []string{"", "bob", strconv.FormatInt(next-500*86400, 10)}[r.IntN(3)], To: []string{"", "mallory", "ina", strconv.FormatInt(next, 10)}[r.IntN(4)],
			})
		}
		require.NoError(s.T, w.Append(e))
		last = next
	}
	require.NoError(s.T, w.Close())
}
