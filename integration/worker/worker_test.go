// Package worker tests omgd with a libalpm worker that misbehaves.
package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// place is a directory of programs, in which the worker can be another one, and
// databases for them.
type place struct {
	bin, db, conf string
	env           []string
	changes       int
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "omg-worker-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &place{bin: filepath.Join(dir, "bin"), db: filepath.Join(dir, "db"), conf: filepath.Join(dir, "pacman.conf"), env: programs.Env(dir)}
	require.NoError(t, os.Mkdir(p.bin, 0o755))
	for _, name := range []string{"omg", "omg-direct", "omgd", "omg-index"} {
		data, err := os.ReadFile(filepath.Join(programs.Dir(t), name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(p.bin, name), data, 0o755))
	}
	require.NoError(t, fixture.Write(p.db, fixture.Options{Packages: 300, Seed: 3, Installed: 40}))
	require.NoError(t, os.WriteFile(p.conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	return p
}

// build builds the worker, with libalpm or without.
func (p *place) build(t *testing.T, out string, libalpm bool) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if libalpm {
		if err := exec.Command("pkg-config", "--exists", "libalpm").Run(); err != nil {
			t.Skip("libalpm and its headers are not installed: make deps installs them")
		}
		cmd.Args = append(cmd.Args, "-tags", "libalpm")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-O2 -g -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t")
	}
	cmd.Args = append(cmd.Args, "./omgd/alpm-worker")
	cmd.Dir = programs.Root(t)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
}

// install puts a worker beside omgd: a program's bytes, or a script.
func (p *place) install(t *testing.T, worker []byte) {
	t.Helper()
	path := filepath.Join(p.bin, "omg-alpm-worker")
	require.NoError(t, os.WriteFile(path+".new", worker, 0o755))
	require.NoError(t, os.Rename(path+".new", path))
}

func script(lines string) []byte { return []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n" + lines + "\n") }

func (p *place) start(t *testing.T) *programs.Daemon {
	t.Helper()
	return programs.StartAt(t, filepath.Join(p.bin, "omgd"), p.env,
		"--dbpath", p.db, "--pacman-config", p.conf, "--data-dir", filepath.Join(filepath.Dir(p.db), "data"))
}

func (p *place) omg(t *testing.T, d *programs.Daemon, args ...string) programs.Result {
	t.Helper()
	return programs.Exec(t, p.env, filepath.Join(p.bin, "omg"), append([]string{"--socket", d.Socket}, args...)...)
}

// change changes one installed package, so that omgd asks libalpm again.
func (p *place) change(t *testing.T) {
	t.Helper()
	descs, err := filepath.Glob(filepath.Join(p.db, "local", "*", "desc"))
	require.NoError(t, err)
	require.NotEmpty(t, descs)
	data, err := os.ReadFile(descs[0])
	require.NoError(t, err)
	p.changes++
	before, rest, ok := strings.Cut(string(data), "%DESC%\n")
	require.True(t, ok)
	_, after, _ := strings.Cut(rest, "\n")
	text := fmt.Sprintf("%s%%DESC%%\nchanged %d times\n%s", before, p.changes, after)
	lock := filepath.Join(p.db, "db.lck") // as pacman -D: a desc changes in place, and the lock comes and goes
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	require.NoError(t, os.WriteFile(descs[0], []byte(text), 0o644))
	require.NoError(t, os.Remove(lock))
}

// TestFaultsAreNamed has the worker fail in each way while omgd runs: status
// names it, every answer stays, and with the worker whole again so is status.
func TestFaultsAreNamed(t *testing.T) {
	p := newPlace(t)
	real := filepath.Join(filepath.Dir(p.bin), "real")
	p.build(t, real, true)
	whole, err := os.ReadFile(real)
	require.NoError(t, err)
	p.build(t, real, false)
	stub, err := os.ReadFile(real)
	require.NoError(t, err)
	nested := wire.EndFrame(append(wire.BeginFrame(nil), strings.Repeat("\x91", 100_000)...), 0)
	file := filepath.Join(filepath.Dir(p.bin), "nested")
	require.NoError(t, os.WriteFile(file, nested, 0o644))

	p.install(t, whole)
	d := p.start(t)
	healthy := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			r := p.omg(t, d, "status")
			return r.Code == 0 && !strings.Contains(r.Stdout, "libalpm") && strings.Contains(r.Stdout, "Installed")
		}, 20*time.Second, 50*time.Millisecond, "status names libalpm though it is whole")
	}
	require.Eventually(t, func() bool { return p.omg(t, d, "explicit", "-q").Code == 0 }, 10*time.Second, 20*time.Millisecond)
	healthy()
	version := regexp.MustCompile(`(?m)^libalpm: ok: [0-9]+\.[0-9.]+ is well$`)
	require.Eventually(t, func() bool { return version.MatchString(p.omg(t, d, "doctor").Stdout) }, 20*time.Second, 50*time.Millisecond)
	require.Regexp(t, `(?m)^libalpm [0-9]+\.[0-9.]+: ok; since `, p.omg(t, d, "health").Stdout)
	questions := [][]string{{"explicit", "-q"}, {"outdated"}, {"orphans", "-q"}, {"search", "-q", "lib"}, {"installed"}}
	var answers []string
	for _, q := range questions {
		answers = append(answers, p.omg(t, d, q...).Stdout)
	}

	for _, c := range []struct {
		name   string
		worker []byte // nil: none
		says   string
	}{
		{"missing", nil, "is missing"},
		{"a stub", stub, "built without libalpm"},
		{"no library", script("echo 'w: error while loading shared libraries: libalpm.so.13: cannot open shared object file' >&2; exit 127"), "cannot load its library"},
		{"killed", script("kill -KILL $$"), "crashed (signal: killed)"},
		{"crashes", script("echo 'panic: oops' >&2; exit 2"), "panic: oops"},
		{"hangs", script("exec sleep 300"), "timed out"},
		{"rubbish", script("head -c 100000 /dev/urandom"), "omg-alpm-worker"},
		{"nested", script("cat " + file), "nested"},
		{"a gigabyte", script("printf '\\000\\017\\377\\377'; head -c 1073741824 /dev/zero"), "omg-alpm-worker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.worker == nil {
				require.NoError(t, os.Remove(filepath.Join(p.bin, "omg-alpm-worker")))
			} else {
				p.install(t, c.worker)
			}
			p.change(t)
			require.Eventually(t, func() bool {
				out := p.omg(t, d, "status").Stdout
				return strings.Contains(out, "libalpm: ") && strings.Contains(out, c.says)
			}, 25*time.Second, 50*time.Millisecond, "status does not name it")
			for i, q := range questions {
				r := p.omg(t, d, q...)
				require.Equal(t, answers[i], r.Stdout, "%q: %s", q, r.Stderr)
			}
			p.install(t, whole)
			p.change(t)
			healthy()
		})
	}

	t.Run("differs", func(t *testing.T) {
		// The real worker, asked of a copy of the databases that lacks a package: its
		// answer is right for them, and not ours.
		other := filepath.Join(filepath.Dir(p.db), "ot") // as long as db, for the question names it
		require.NoError(t, exec.Command("cp", "-r", p.db, other).Run())
		gone, err := filepath.Glob(filepath.Join(other, "local", "*", "desc"))
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(filepath.Dir(gone[0])))
		require.NoError(t, os.WriteFile(real, whole, 0o755))
		p.install(t, script("sed 's|"+p.db+"|"+other+"|' | "+real))
		p.change(t)
		require.Eventually(t, func() bool {
			return strings.Contains(p.omg(t, d, "status").Stdout, "libalpm: differs: ")
		}, 20*time.Second, 50*time.Millisecond)
		// libalpm's word counts: it is what pacman says of that copy.
		pacman := func(args ...string) string {
			return programs.Exec(t, p.env, "pacman", append([]string{"--config", p.conf, "-b", other}, args...)...).Stdout
		}
		require.Eventually(t, func() bool {
			return p.omg(t, d, "explicit", "-q").Stdout != answers[0] || p.omg(t, d, "installed").Stdout != answers[4]
		},
			20*time.Second, 50*time.Millisecond)
		for _, q := range []struct{ ours, theirs []string }{
			{[]string{"explicit", "-q"}, []string{"-Qeq"}},
			{[]string{"orphans", "-q"}, []string{"-Qdtq"}},
			{[]string{"foreign", "-q"}, []string{"-Qmq"}},
			{[]string{"outdated", "--no-aur"}, []string{"-Qu"}},
			{[]string{"installed", "-q"}, []string{"-Qq"}},
		} {
			require.Equal(t, pacman(q.theirs...), p.omg(t, d, q.ours...).Stdout, q.ours)
		}
		require.Contains(t, p.omg(t, d, "status").Stdout, "libalpm is believed")

		// Unless we could not read everything ourselves: then it may not have either.
		require.NoError(t, os.MkdirAll(filepath.Join(p.db, "local", "half-1-1"), 0o755))
		require.Eventually(t, func() bool { return strings.Contains(p.omg(t, d, "status").Stdout, "ours is kept") }, 20*time.Second, 50*time.Millisecond)
		require.Eventually(t, func() bool { return p.omg(t, d, "orphans", "-q").Stdout == answers[2] }, 20*time.Second, 50*time.Millisecond)
		require.NoError(t, os.RemoveAll(filepath.Join(p.db, "local", "half-1-1")))

		p.install(t, whole)
		p.change(t)
		healthy()
		for i, q := range questions {
			require.Equal(t, answers[i], p.omg(t, d, q...).Stdout, q)
		}
	})
}

// TestAskedAgain: a worker that comes back is asked at the next refresh, though
// nothing has changed.
func TestAskedAgain(t *testing.T) {
	p := newPlace(t)
	whole := filepath.Join(filepath.Dir(p.bin), "real")
	p.build(t, whole, true)
	d := p.start(t)
	generation := func() string { return p.omg(t, d, "status", "--format", "{{.generation}}").Stdout }
	require.Eventually(t, func() bool {
		return strings.Contains(p.omg(t, d, "status").Stdout, "omg-alpm-worker is missing") && generation() != "0\n"
	}, 20*time.Second, 50*time.Millisecond)
	before := generation()
	require.NoError(t, os.Rename(whole, filepath.Join(p.bin, "omg-alpm-worker")))
	require.Zero(t, p.omg(t, d, "refresh").Code)
	require.Eventually(t, func() bool { return !strings.Contains(p.omg(t, d, "status").Stdout, "libalpm") }, 20*time.Second, 50*time.Millisecond)
	require.Equal(t, before, generation(), "nothing has changed")
}

// TestDirectSearchAndInfo has libalpm answer where no index can be built.
func TestDirectSearchAndInfo(t *testing.T) {
	p := newPlace(t)
	whole := filepath.Join(filepath.Dir(p.bin), "real")
	p.build(t, filepath.Join(p.bin, "omg-alpm-worker"), true)
	index := filepath.Join(p.bin, "omg-index")
	require.NoError(t, os.Rename(index, whole))
	d := p.start(t)
	require.Eventually(t, func() bool { return p.omg(t, d, "explicit", "-q").Code == 0 }, 10*time.Second, 20*time.Millisecond, "what is installed needs no index")

	ask := func(args ...string) programs.Result {
		r := p.omg(t, d, args...)
		require.NotContains(t, r.Stderr, "answering without", "omgd answers itself")
		return r
	}
	files := func(args ...string) programs.Result {
		return programs.Exec(t, p.env, filepath.Join(p.bin, "omg"), append([]string{"--no-daemon", "--dbpath", p.db, "--pacman-config", p.conf}, args...)...)
	}
	name := files("search", "-q", "lib").Lines()[0]
	for _, q := range [][]string{
		{"search", "lib"},
		{"search", "-q", "lib"},
		{"search", "-x", "^lib.*s$"},
		{"search", "name:lib", "desc:a"},
		{"search", "-q", "c++"},
		{"search", "repo:core", "lib"},
		{"info", name},
		{"info", "core/" + name},
		{"search", "--limit", "3", "lib"},
	} {
		want, got := files(q...), ask(q...)
		require.Equal(t, want.Stdout, got.Stdout, "%q: %s", q, got.Stderr)
		require.Equal(t, want.Code, got.Code, "%q", q)
	}
	require.Equal(t, 2, ask("search", "depends:glibc").Code)
	require.Contains(t, ask("status").Stdout, "not installed")

	// The index comes back, and the answers with it.
	require.NoError(t, os.Rename(whole, index))
	require.Eventually(t, func() bool {
		p.omg(t, d, "refresh")
		return strings.Contains(p.omg(t, d, "status").Stdout, "300 packages")
	}, 20*time.Second, 200*time.Millisecond)
	require.Equal(t, files("search", "lib").Stdout, ask("search", "lib").Stdout)
}
