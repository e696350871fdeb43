package publish

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/wire"
)

// The tests of this file are the attacks of The Update Framework's specification (theupdateframework.github.io/specification, section
// 1.5.2), on the programs as users run them. Those of shared/publication are about the rules behind them.

// attackPackages is the number of packages: a patch is smaller than they are.
const attackPackages = 150

// victim is a machine that pulls, whose clock a test sets.
type victim struct {
	*harness.System
	trust   []string // the flags of the trusted keys
	timeout string
	now     time.Time
}

// newAttacked returns a publisher of days 0 to 2, which are a day apart, copies of what was published before each day, and a machine that has
// pulled day 1. It is now an hour after day 2 was published.
func newAttacked(t *testing.T) (p *publisher, copies []string, v *victim) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	at := func(day int) string {
		return "OMG_TEST_TIME=" + now.Add(time.Duration(24*(day-2)-1)*time.Hour).Format(time.RFC3339)
	}
	p = newPublisher(t, 0, attackPackages, harness.WithTestClock(), harness.WithEnv(at(0)))
	v = &victim{System: harness.New(t, harness.WithoutDatabases(), harness.WithTestClock()), trust: []string{"-P", p.key}, timeout: "2m"}
	for day := 1; day <= 2; day++ {
		copies = append(copies, p.copy())
		p.System = p.WithEnv(at(day))
		p.publish(day)
		if day == 1 {
			v.now = now.Add(-24 * time.Hour)
			requireOK(t, v.pull(p.dir))
			v.requireDay(1)
		}
	}
	v.now = now
	return p, copies, v
}

// copy returns a copy of the published directory.
func (p *publisher) copy() string {
	p.T.Helper()
	dir := filepath.Join(p.T.TempDir(), "copy")
	require.NoError(p.T, os.CopyFS(dir, os.DirFS(p.dir)))
	return dir
}

// fork returns a copy of a machine with what it has pulled.
func (v *victim) fork(t testing.TB) *victim {
	t.Helper()
	next := *v
	next.System = v.ForSubtest(t)
	next.Data = filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.CopyFS(next.Data, os.DirFS(v.Data)))
	return &next
}

// pull pulls from mirrors.
func (v *victim) pull(mirrors ...string) harness.Result {
	v.T.Helper()
	s := v.WithEnv(testTime(v.now))
	return s.Run("omg-index", slices.Concat([]string{"pull", "--data-dir", v.Data, "--proxy", "none", "--timeout", v.timeout}, v.trust, mirrors)...)
}

// day returns the day of all indexes that the machine has pulled. They must be whole, and of the same day.
func (v *victim) day() int {
	v.T.Helper()
	indexes, err := filepath.Glob(filepath.Join(v.Data, "pulled", "*.omgidx"))
	require.NoError(v.T, err)
	require.Len(v.T, indexes, 7, "three repositories, their file lists, and the AUR")
	requireOK(v.T, v.Run("omg-index", append([]string{"verify"}, indexes...)...))
	info := requireOK(v.T, v.Run("omg-index", append([]string{"info"}, indexes...)...)).Stdout
	for day := range 10 {
		if strings.Count(info, "modified "+dayText(day)) == len(indexes) {
			return day
		}
	}
	require.Fail(v.T, "the indexes are a mix", info)
	return 0
}

// dayText returns the time of a day as omg-index info prints it.
func dayText(day int) string { return dayTime(day).Format(time.RFC3339) }

func (v *victim) requireDay(day int) {
	v.T.Helper()
	require.Equal(v.T, day, v.day())
}

// requireRefused pulls from a server, which must be refused with a reason, and then from this server and another mirror that has day 2. In both
// cases, the server is named.
func (v *victim) requireRefused(server, reason, other string) {
	v.T.Helper()
	before := v.day()
	r := v.pull(server)
	require.Contains(v.T, []int{3, 4}, r.Code, r.Stderr)
	require.Contains(v.T, r.Stderr, "error: ")
	require.Contains(v.T, r.Stderr, server+": ")
	require.Contains(v.T, r.Stderr, reason)
	v.requireDay(before)
	v.now = v.now.Add(2 * time.Hour) // the server is no longer asked last
	r = requireOK(v.T, v.pull(server, other))
	require.Contains(v.T, r.Stderr, "warning: "+server+": ")
	require.Contains(v.T, r.Stderr, reason)
	v.requireDay(2)
}

// serveDir serves a directory. A fault, unless it is nil, replaces the answers for all paths that begin with the prefix.
func serveDir(t testing.TB, dir, prefix string, fault fakeserver.Fault) *fakeserver.Server {
	t.Helper()
	s := fakeserver.Serve(t, http.FileServer(http.Dir(dir)), nil)
	if fault != nil {
		s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
			if strings.HasPrefix(r.URL.Path, prefix) {
				fault(w, r, next, ended)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	return s
}

// answer is a fault that sends something else than the file. The function change returns it.
func answer(change func(content []byte) []byte) fakeserver.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		r.Header.Del("Range")
		file := httptest.NewRecorder()
		next.ServeHTTP(file, r)
		_, _ = w.Write(change(file.Body.Bytes()))
	}
}

// half returns the first half of a file.
func half(content []byte) []byte { return content[:len(content)/2] }

// breakOff is a fault that closes the connection after half of the file.
func breakOff(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
	r.Header.Del("Range")
	file := httptest.NewRecorder()
	next.ServeHTTP(file, r)
	w.Header().Set("Content-Length", fmt.Sprint(file.Body.Len()))
	_, _ = w.Write(half(file.Body.Bytes()))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// endless is a fault that sends data until the client has enough of it.
func endless(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
	for {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

// huge is a fault that promises more than any disk has.
func huge(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
	w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<50))
}

// TestAttack_Servers pulls from servers that have a copy of the published directory, and serve something else than what was published last. Each of
// them is named and refused, nothing of it is used, and the next mirror is asked.
func TestAttack_Servers(t *testing.T) {
	p, copies, v := newAttacked(t)
	good := serveDir(t, p.dir, "", nil).URL
	foreign := newPublisher(t, 2, attackPackages, harness.WithTestClock(), harness.WithEnv("OMG_TEST_TIME="+v.now.Format(time.RFC3339)))
	const signature, manifests, objects = "/manifest.json.minisig", "/manifests/", "/objects/"
	forged := p.copy()
	document := harness.ReadFile(t, filepath.Join(forged, publication.ManifestName))
	name := filepath.Join(forged, publication.CopyName(publication.ManifestName, document))
	harness.WriteFile(t, name, strings.Replace(string(document), `"sequence": 1`, `"sequence": 9`, 1))
	const (
		older    = "older than what was accepted before"
		unsigned = "it is not signed by a trusted key"
		changed  = "damaged, or changed by somebody: its signature is not valid"
		noSign   = "the signature of manifest.json: damaged, or changed by somebody: not one of minisign"
		large    = "larger than allowed"
		slow     = "the server did not answer in time"
	)
	for name, c := range map[string]struct {
		dir, path string
		fault     fakeserver.Fault
		want      string
	}{
		"rollback":                   {copies[0], "", nil, older},
		"fast-forward without a key": {forged, "", nil, changed},
		"the key of somebody else":   {foreign.dir, "", nil, unsigned},
		"no signature":               {p.dir, signature, fakeserver.ErrorStatus(http.StatusNotFound), "there is no signature"},
		"an empty signature":         {p.dir, signature, answer(func([]byte) []byte { return nil }), noSign},
		"half of the signature":      {p.dir, signature, answer(half), noSign},
		"half of the manifest":       {p.dir, manifests, answer(half), changed},
		"half of the objects":        {p.dir, objects, answer(half), "bytes instead of"},
		"connections that break off": {p.dir, objects, breakOff, "the response is truncated"},
		"no objects":                 {p.dir, objects, fakeserver.ErrorStatus(http.StatusNotFound), "404"},
		"other objects":              {p.dir, objects, answer(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "another hash"},
		"an empty object":            {p.dir, objects, answer(func([]byte) []byte { return nil }), "0 bytes instead of"},
		"endless data: signature":    {p.dir, signature, endless, large},
		"endless data: manifest":     {p.dir, manifests, endless, large},
		"endless data: objects":      {p.dir, objects, endless, large},
		"oversized signature":        {p.dir, signature, huge, large},
		"oversized manifest":         {p.dir, manifests, huge, large},
		"oversized objects":          {p.dir, objects, huge, large},
		"a bomb as the manifest":     {p.dir, manifests, fakeserver.Bomb(1 << 30), large},
		"a bomb as an object":        {p.dir, objects, fakeserver.Bomb(1 << 30), large},
		"a login page":               {p.dir, "", answer(func([]byte) []byte { return []byte("<html>Please log in</html>") }), noSign},
		"an error":                   {p.dir, "", fakeserver.ErrorStatus(http.StatusInternalServerError), "reports an error (500"},
		"a loop of redirects":        {p.dir, "", fakeserver.RedirectLoop(), "too many redirects"},
		"slow retrieval: no answer":  {p.dir, "", fakeserver.Hang(), slow},
		"slow retrieval: signature":  {p.dir, signature, fakeserver.Drip(), slow},
		"slow retrieval: manifest":   {p.dir, manifests, fakeserver.Drip(), slow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machine, other := v.fork(t), good
			if c.want == slow {
				machine.timeout, other = "1s", p.dir // a directory has no time limit
			}
			machine.requireRefused(serveDir(t, c.dir, c.path, c.fault).URL, c.want, other)
		})
	}
}

// TestAttack_Freeze pulls from a server that always serves the manifest that the machine has. As soon as the manifest has expired, this is said and the
// next mirror is asked.
func TestAttack_Freeze(t *testing.T) {
	p, copies, v := newAttacked(t)
	frozen, good := serveDir(t, copies[1], "", nil).URL, serveDir(t, p.dir, "", nil).URL
	require.Empty(t, requireOK(t, v.pull(frozen, good)).Stderr, "nothing shows it")
	v.requireDay(1)
	v.now = v.now.Add(24 * time.Hour) // 49 hours after day 1, and 25 hours after day 2
	r := requireOK(t, v.pull(frozen))
	require.Contains(t, r.Stderr, "warning: "+frozen+": the manifest expired at ")
	v.requireDay(1)
	v.now = v.now.Add(time.Hour)
	r = requireOK(t, v.pull(frozen, good))
	require.Equal(t, "omg-index: warning: "+frozen+": its manifest has expired\n", r.Stderr)
	v.requireDay(2)
	v.now = v.now.Add(time.Hour)
	r = v.pull(frozen)
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, frozen+": manifest.json: older than what was accepted before")
	v.requireDay(2)
}

// TestAttack_MixAndMatch pulls from servers whose files are of two days, in all combinations. A machine has one day or the other afterwards, or an error
// says why it stays where it is, and the next mirror helps.
func TestAttack_MixAndMatch(t *testing.T) {
	p, copies, v := newAttacked(t)
	kinds := []string{publication.ManifestName + publication.SignatureSuffix, publication.ManifestName, publication.ManifestDir, publication.ObjectDir}
	results := map[string]int{}
	for mask := range 1 << len(kinds) {
		mixed := filepath.Join(t.TempDir(), "mixed")
		require.NoError(t, os.CopyFS(mixed, os.DirFS(copies[1])))
		for i, kind := range kinds {
			if mask&(1<<i) == 0 {
				continue
			}
			from, to := filepath.Join(p.dir, kind), filepath.Join(mixed, kind)
			require.NoError(t, os.RemoveAll(to))
			if fi, err := os.Stat(from); err == nil && fi.IsDir() {
				require.NoError(t, os.CopyFS(to, os.DirFS(from)))
			} else {
				harness.WriteFile(t, to, harness.ReadFile(t, from))
			}
		}
		server, machine := serveDir(t, mixed, "", nil).URL, v.fork(t)
		r := machine.pull(server)
		day := machine.day()
		if r.Code == 0 {
			results[fmt.Sprint("day ", day)]++
			require.Empty(t, r.Stderr)
			continue
		}
		results["refused"]++
		require.Equal(t, 1, day)
		require.Contains(t, r.Stderr, server+": ")
		machine.now = machine.now.Add(2 * time.Hour)
		require.Contains(t, requireOK(t, machine.pull(server, p.dir)).Stderr, "warning: "+server+": ")
		machine.requireDay(2)
	}
	// With the old signature, everything is the old state. With the new one, the manifest and the objects must be new.
	require.Equal(t, map[string]int{"day 1": 8, "day 2": 2, "refused": 6}, results)
}

// TestAttack_Daemon has omgd pull from a bad server. It keeps what it has and says why. If there is another mirror, it uses that one.
func TestAttack_Daemon(t *testing.T) {
	p, copies, v := newAttacked(t)
	foreign := newPublisher(t, 2, attackPackages)
	good := serveDir(t, p.dir, "", nil).URL
	for name, c := range map[string]struct {
		dir, path string
		fault     fakeserver.Fault
		want      string
	}{
		"rollback":                 {copies[0], "", nil, "older than what was accepted before"},
		"the key of somebody else": {foreign.dir, "", nil, "it is not signed by a trusted key"},
		"endless data":             {p.dir, "/manifests/", endless, "larger than allowed"},
		"wrong objects":            {p.dir, "/objects/", answer(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "another hash"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveDir(t, c.dir, c.path, c.fault).URL
			start := func(urls ...string) *harness.Daemon {
				// A machine that has pulled before waits for up to a tenth of the interval.
				m := machine(t, harness.WithoutDatabases(), p.key, urls...).WithEnv("OMG_INDEX_INTERVAL=1m")
				harness.WriteFile(t, m.PacmanConf, fixture.PacmanConfig)
				require.NoError(t, os.CopyFS(m.Data, os.DirFS(v.Data)))
				return m.LaunchDaemon()
			}
			d := start(server)
			d.AwaitStatus(func(st *wire.StatusResult) bool {
				return st.Pulled != nil && strings.Contains(st.Pulled.LastError, c.want) && strings.Contains(st.Pulled.LastError, server+": ")
			}, "the reason")
			awaitPulled(d, 1)
			text := strings.Join(strings.Fields(d.Omg("status").Stdout), " ")
			require.Contains(t, text, server)
			require.Contains(t, text, c.want)
			require.Regexp(t, `degraded +pulled indexes +`+regexp.QuoteMeta(server), d.Omg("health").Stdout)

			d = start(server, good)
			awaitPulled(d, 2)
			d.AwaitStderr(c.want)
			require.Contains(t, d.Stderr(), server)
		})
	}
}
