package worker

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// system has its own copy of the programs, in which the worker can be replaced.
type system struct {
	*harness.System
	changes int
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{System: harness.New(t, harness.WithGenerated(fixture.Options{Packages: 300, Seed: 3, Installed: 40}))}
	s.Bin = s.Path("bin")
	harness.CopyPrograms(t, s.Bin)
	return s
}

// build builds the worker, with libalpm or without.
func build(t *testing.T, out string, libalpm bool) {
	t.Helper()
	cmd := exec.Command(need.Program(t, "go"), "build", "-trimpath", "-buildvcs=false", "-o", out)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if libalpm {
		need.LibAlpm(t)
		cmd.Args = append(cmd.Args, "-tags", "libalpm")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-O2 -g -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t")
	}
	cmd.Args = append(cmd.Args, "./omgd/alpm-worker")
	cmd.Dir = harness.ProjectRoot(t)
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, string(printed))
}

// built returns the worker's program, with libalpm or without.
func built(t *testing.T, libalpm bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker")
	build(t, path, libalpm)
	return harness.ReadFile(t, path)
}

// install installs the content of a program file, or a script, as the worker beside omgd.
func (s *system) install(worker []byte) {
	s.T.Helper()
	path := s.Program("omg-alpm-worker")
	harness.WriteProgram(s.T, path+".new", worker)
	require.NoError(s.T, os.Rename(path+".new", path))
}

func script(lines string) []byte { return []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n" + lines + "\n") }

// change changes one installed package, so that omgd asks libalpm again.
func (s *system) change() {
	s.T.Helper()
	descs, err := filepath.Glob(filepath.Join(s.DB, "local", "*", "desc"))
	require.NoError(s.T, err)
	require.NotEmpty(s.T, descs)
	s.changes++
	before, rest, ok := strings.Cut(string(harness.ReadFile(s.T, descs[0])), "%DESC%\n")
	require.True(s.T, ok)
	_, after, _ := strings.Cut(rest, "\n")
	// This change resembles pacman -D: it writes to a desc in place, and creates and removes the lock.
	lock := filepath.Join(s.DB, "db.lck")
	harness.WriteFile(s.T, lock, "")
	harness.WriteFile(s.T, descs[0], fmt.Sprintf("%s%%DESC%%\nchanged %d times\n%s", before, s.changes, after))
	require.NoError(s.T, os.Remove(lock))
}

// part returns the problem that a status reports about libalpm, or "" if it reports none.
func part(r *wire.StatusResult) string {
	for _, p := range r.Problems {
		if p.Name == "libalpm" {
			return p.State + ": " + p.Why
		}
	}
	return ""
}

// await waits until a condition holds. A worker on a busy machine may exceed its limit of ten seconds, and omgd asks it
// again after minutes; then await requests a refresh.
func await(d *harness.Daemon, holds func() bool, what string) {
	t := d.System.T
	t.Helper()
	var r wire.StatusResult
	harness.Await(t, func() bool {
		if holds() {
			return true
		}
		if r = d.Status(); strings.Contains(part(&r), "timed out") {
			d.Omg("refresh")
		}
		return false
	}, "%s; the last problem of libalpm was %q; so far omgd has printed: %s", what, func() string { return part(&r) }, d.Stderr)
}

// awaitPart waits until the status reports a problem of libalpm that contains all texts.
func awaitPart(d *harness.Daemon, texts ...string) {
	d.System.T.Helper()
	await(d, func() bool {
		r := d.Status()
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(part(&r), text) })
	}, fmt.Sprintf("the status of libalpm contains %q", texts))
}

// awaitHealthy waits until the status reports no problem of libalpm. Before libalpm has answered for the first time, it
// reports none either.
func awaitHealthy(d *harness.Daemon) {
	d.System.T.Helper()
	await(d, func() bool {
		r := d.Status()
		return part(&r) == "" && r.Counts.Installed != nil
	}, "nothing of libalpm")
}

// awaitConfirmed waits until libalpm has confirmed the result of a refresh for the first time.
func awaitConfirmed(d *harness.Daemon) {
	d.System.T.Helper()
	version := regexp.MustCompile(`(?m)^ok +libalpm +[0-9]+\.[0-9.]+$`)
	await(d, func() bool { return version.MatchString(d.Omg("doctor").Stdout) }, "doctor knows libalpm's version")
	awaitHealthy(d)
}

// questions are commands whose answers omgd takes from libalpm if libalpm's data differs from omgd's.
var questions = [][]string{{"explicit", "-q"}, {"outdated"}, {"orphans", "-q"}, {"search", "-q", "lib"}, {"installed"}}

// ask returns the answers to the questions.
func ask(d *harness.Daemon) (answers []string) {
	for _, q := range questions {
		answers = append(answers, d.Omg(q...).Stdout)
	}
	return answers
}

// requireNamed installs a faulty worker, or removes the worker if the parameter worker is nil. It waits until the
// status contains text, and requires that all answers stay the same. It then installs a working worker, whose content
// is in the parameter whole, and requires that the status reports no problem.
func (s *system) requireNamed(t *testing.T, d *harness.Daemon, worker, whole []byte, text string) {
	t.Helper()
	before := ask(d)
	if worker == nil {
		require.NoError(t, os.Remove(s.Program("omg-alpm-worker")))
	} else {
		s.install(worker)
	}
	s.change()
	awaitPart(d, text)
	require.Contains(t, d.Omg("status").Stdout, "libalpm: ")
	require.Equal(t, before, ask(d))
	s.install(whole)
	s.change()
	awaitHealthy(d)
	require.NotContains(t, d.Omg("status").Stdout, "libalpm")
	require.Equal(t, before, ask(d))
}

// TestWorker_Faults installs a worker with each fault while omgd runs. The status must name the fault, and every answer
// must stay the same. With a working worker, the status must report no problem.
func TestWorker_Faults(t *testing.T) {
	t.Parallel()
	whole, stub := built(t, true), built(t, false)
	s := newSystem(t)
	nested, rubbish := s.Path("nested"), s.Path("rubbish")
	harness.WriteFile(t, nested, wire.EndFrame(append(wire.BeginFrame(nil), strings.Repeat("\x91", 100_000)...), 0))
	bytes := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(bytes)
	harness.WriteFile(t, rubbish, bytes)

	s.install(whole)
	d := s.StartDaemon()
	awaitConfirmed(d)
	require.Regexp(t, `(?m)^ok +libalpm [0-9]+\.[0-9.]+ +(for|since) `, d.Omg("health").Stdout)

	for _, c := range []struct {
		name   string
		worker []byte // nil: no worker
		text   string
	}{
		{"missing", nil, "is missing"},
		{"a stub", stub, "built without libalpm"},
		{"no library", script("echo 'w: error while loading shared libraries: libalpm.so.13: cannot open shared object file' >&2; exit 127"), "cannot load its library"},
		{"killed", script("kill -KILL $$"), "crashed (signal: killed)"},
		{"crashes", script("echo 'panic: oops' >&2; exit 2"), "panic: oops"},
		{"rubbish", script("cat " + rubbish), "omg-alpm-worker"},
		{"nested", script("cat " + nested), "nested"},
		{"a gigabyte", script("printf '\\000\\017\\377\\377'; head -c 1073741824 /dev/zero"), "omg-alpm-worker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &system{System: s.ForSubtest(t), changes: s.changes}
			s.requireNamed(t, d.ForSubtest(t), c.worker, whole, c.text)
		})
		s.changes += 2
	}
}

// TestWorker_Hangs checks that a worker that does not answer is killed after ten seconds.
func TestWorker_Hangs(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	whole := built(t, true)
	s.install(whole)
	d := s.StartDaemon()
	awaitHealthy(d)
	s.requireNamed(t, d, script("exec sleep 3600"), whole, "timed out")
}

// TestWorker_Differs makes the real worker read a copy of the databases that lacks a package. The worker's result is
// right for the copy, and differs from omgd's result.
func TestWorker_Differs(t *testing.T) {
	t.Parallel()
	need.Program(t, "pacman")
	s := newSystem(t)
	build(t, s.Path("real"), true)
	whole := harness.ReadFile(t, s.Path("real"))
	s.install(whole)
	d := s.StartDaemon()
	awaitConfirmed(d)
	before := ask(d)

	other := s.Path("ot") // the path must be as long as that of db, because sed replaces it in a request
	require.NoError(t, os.CopyFS(other, os.DirFS(s.DB)))
	gone, err := filepath.Glob(filepath.Join(other, "local", "*", "desc"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Dir(gone[0])))
	s.install(script("sed 's|" + s.DB + "|" + other + "|' | " + s.Path("real")))
	s.change()
	awaitPart(d, "differs: ")
	// omgd uses what libalpm has read from the copy. Its answers must therefore equal the answers that pacman gives for
	// the copy.
	await(d, func() bool {
		now := ask(d)
		return now[0] != before[0] || now[4] != before[4]
	}, "omgd answers as libalpm does")
	for _, q := range []struct{ omg, pacman string }{
		{"explicit -q", "-Qeq"},
		{"orphans -q", "-Qdtq"},
		{"foreign -q", "-Qmq"},
		{"outdated --no-aur", "-Qu"},
		{"installed -q", "-Qq"},
	} {
		want := s.RunTool("pacman", "--config", s.PacmanConf, "-b", other, q.pacman)
		await(d, func() bool { return d.Omg(strings.Fields(q.omg)...).Stdout == want.Stdout }, fmt.Sprintf("omg %s prints %q", q.omg, want.Stdout))
	}
	await(d, func() bool {
		status := d.Omg("status").Stdout
		return strings.Contains(status, "libalpm: differs: ") && strings.Contains(status, "libalpm's results are used")
	}, "omg status says whose results are used")

	// omgd keeps its own result if it could not read a package itself, because libalpm may not have read that package
	// either.
	half := filepath.Join(s.DB, "local", "half-1-1")
	require.NoError(t, os.MkdirAll(half, 0o755))
	awaitPart(d, "omg's own results are used")
	await(d, func() bool { return d.Omg("orphans", "-q", "--partial").Stdout == before[2] }, "omgd answers as before")
	require.Equal(t, 3, d.Omg("orphans", "-q").Code, "nobody knows what the unread package requires")
	require.NoError(t, os.RemoveAll(half))

	s.install(whole)
	s.change()
	awaitHealthy(d)
	// The snapshot with libalpm's results is current for a moment after the comparison.
	await(d, func() bool { return slices.Equal(ask(d), before) }, "omgd answers as before")
}

// TestWorker_Recovers checks that omgd uses a worker that works again at the next refresh, even if no database has
// changed.
func TestWorker_Recovers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	whole := built(t, true)
	s.BuildIndexes() // an index that omgd builds could replace the snapshot later
	d := s.StartDaemon()
	d.AwaitStatus(func(r *wire.StatusResult) bool { return strings.Contains(part(r), "omg-alpm-worker is missing") }, "no worker")
	before := d.Status().Generation
	require.NotZero(t, before)
	s.install(whole)
	d.AwaitStatus(func(r *wire.StatusResult) bool {
		d.Omg("refresh") // omgd accepts one request for a refresh in five seconds
		return part(r) == ""
	}, "nothing of libalpm")
	require.Equal(t, before, d.Status().Generation, "nothing has changed")
}

// TestWorker_SearchAndInfo checks answers that libalpm gives because no index can be built.
func TestWorker_SearchAndInfo(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.install(built(t, true))
	index := s.Program("omg-index")
	require.NoError(t, os.Rename(index, s.Path("omg-index")))
	d := s.LaunchDaemon()
	d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Counts.Installed != nil && !r.Stale && !harness.HasBuild(r) }, "what is installed, which needs no index")
	require.Zero(t, d.Omg("explicit", "-q").Code)

	ask := func(args ...string) harness.Result {
		r := d.Omg(args...)
		require.NotContains(t, r.Stderr, "answering without", "omgd answers itself")
		return r
	}
	name := s.RunWithoutDaemon("search", "-q", "lib").Lines()[0]
	for _, q := range []string{
		"search lib", "search -q lib", "search -x ^lib.*s$", "search name:lib desc:a", "search -q c++", "search repo:core lib",
		"info " + name, "info core/" + name, "search --limit 3 lib",
	} {
		want, got := s.RunWithoutDaemon(strings.Fields(q)...), ask(strings.Fields(q)...)
		if strings.HasPrefix(q, "search") {
			// libalpm finds the same packages. How much they are used is not known from these packages alone, so their order can differ.
			require.Len(t, got.Lines(), len(want.Lines()), "%q: %s", q, got.Stderr)
			if !strings.Contains(q, "--limit") {
				require.ElementsMatch(t, want.Lines(), got.Lines(), "%q", q)
			}
		} else {
			require.Equal(t, want.Stdout, got.Stdout, "%q: %s", q, got.Stderr)
		}
		require.Equal(t, want.Code, got.Code, "%q", q)
	}
	require.Equal(t, 2, ask("search", "depends:glibc").Code)
	require.Contains(t, ask("status").Stdout, "not installed")

	// When omg-index is back, omgd has an index again and answers from it.
	require.NoError(t, os.Rename(s.Path("omg-index"), index))
	d.AwaitStatus(func(r *wire.StatusResult) bool {
		d.Omg("refresh") // omgd accepts one request for a refresh in five seconds
		return r.Index.Packages == 300
	}, "the index")
	require.Contains(t, d.Omg("status").Stdout, "300 packages")
	require.Equal(t, s.RunWithoutDaemon("search", "lib").Stdout, ask("search", "lib").Stdout)
}
