package alpm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// fake returns a Worker that runs a shell script. In the script, $file is the path of a file with the given
// content.
func fake(t *testing.T, script string, file []byte) *Worker {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), file, 0o644))
	path := filepath.Join(dir, "worker")
	script = "#!/bin/sh\nPATH=/usr/bin:/bin\nfile=" + dir + "/file\n" + script + "\n"
	require.NoError(t, fixture.WriteExecutable(path, []byte(script)))
	return &Worker{path: path, timeout: await.Timeout}
}

// frames encodes several replies as the chunks of a single reply.
func frames(t *testing.T, id uint64, replies ...*alpmproto.Reply) []byte {
	t.Helper()
	var out []byte
	for _, a := range replies {
		b, err := alpmproto.Encode(id, a)
		require.NoError(t, err)
		out = append(out, b...)
	}
	return out
}

// askAnything sends a request to a worker that ignores the request.
func askAnything(ctx context.Context, w *Worker) (*ReaderFacts, error) {
	return w.Facts(ctx, Databases{Path: "/"})
}

func frame(body ...byte) []byte { return wire.EndFrame(append(wire.BeginFrame(nil), body...), 0) }

func TestWorker_Fakes(t *testing.T) {
	good := frames(t, alpmproto.RequestID, &alpmproto.Reply{LibAlpm: "1.2.3"})
	for name, c := range map[string]struct {
		script string
		file   []byte
		want   error
		says   string
	}{
		"ends at once":       {script: "exit 0", want: ErrInvalidReply, says: "truncated"},
		"fails at once":      {script: "exit 1", want: ErrCrashed, says: "exit status 1"},
		"fails and says why": {script: "echo 'panic: x' >&2; echo more >&2; exit 2", want: ErrCrashed, says: "panic: x"},
		"segmentation fault": {script: "kill -SEGV $$", want: ErrCrashed, says: "segmentation fault"},
		"crash after reply":  {script: "cat $file; kill -ABRT $$", file: good, want: ErrCrashed, says: "aborted"},
		"no library": {
			script: "echo 'w: error while loading shared libraries: libalpm.so.13: cannot open shared object file' >&2; exit 127",
			want:   ErrMissingLibrary, says: "libalpm.so.13",
		},
		"no symbol":        {script: "echo 'w: symbol lookup error: w: undefined symbol: alpm_x' >&2; exit 127", want: ErrMissingLibrary, says: "alpm_x"},
		"no command":       {script: "no-such-command", want: ErrCrashed, says: "no-such-command"},
		"text":             {script: "echo hello, world", want: ErrInvalidReply, says: "frame of more than"},
		"zeros":            {script: "head -c 1000000000 /dev/zero", want: ErrInvalidReply, says: "length 0"},
		"a GiB announced":  {script: "cat $file; sleep 300", file: []byte{0x40, 0, 0, 0}, want: ErrInvalidReply, says: "frame of more than"},
		"nested":           {script: "cat $file", file: frame(bytes.Repeat([]byte{0x91}, 100_000)...), want: ErrInvalidReply, says: "nested"},
		"long array":       {script: "cat $file", file: frame(0xdd, 0xff, 0xff, 0xff, 0xff), want: ErrInvalidReply, says: "bytes are left"},
		"cut off":          {script: "head -c 20 $file", file: good, want: ErrInvalidReply, says: "truncated"},
		"no response":      {script: "cat $file", file: frame(0x80), want: ErrInvalidReply},
		"result is a word": {script: "cat $file", file: wire.AppendResult(nil, alpmproto.RequestID, []byte{0xa1, 'x'}, false), want: ErrInvalidReply},
		"another id":       {script: "cat $file", file: frames(t, 7, &alpmproto.Reply{LibAlpm: "1"}), want: ErrInvalidReply, says: "request 7"},
		"two answers":      {script: "cat $file $file", file: good, want: ErrInvalidReply, says: "after the last frame"},
		"and one byte":     {script: "cat $file; printf x", file: good, want: ErrInvalidReply, says: "truncated"},
		"no version":       {script: "cat $file", file: frames(t, alpmproto.RequestID, &alpmproto.Reply{}), want: ErrInvalidReply, says: "the version of libalpm is missing"},
		"an endless answer": {
			script: "while :; do cat $file; done",
			file:   wire.AppendResult(nil, alpmproto.RequestID, append([]byte{0x81, 0xa1, 'x', 0xda, 0xff, 0xff}, make([]byte, 0xffff)...), true),
			want:   ErrInvalidReply, says: "more than 16777216 bytes",
		},
		"an empty program": {script: "", want: ErrInvalidReply, says: "truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := askAnything(t.Context(), fake(t, c.script, c.file))
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "omg-alpm-worker")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	facts, err := askAnything(t.Context(), fake(t, "cat $file", good))
	require.NoError(t, err)
	require.Equal(t, "1.2.3", facts.LibAlpm)
}

func TestWorker_OtherAnswers(t *testing.T) {
	ok := alpmproto.PackageFacts{Name: "a", Version: "1", Repo: "core", Offered: "2", VersionOrder: 1, Ignored: true}
	with := func(change func(*alpmproto.PackageFacts)) *alpmproto.Reply {
		p := ok
		change(&p)
		return &alpmproto.Reply{LibAlpm: "1", Databases: []alpmproto.Database{{Name: "core"}}, Installed: []alpmproto.PackageFacts{p}}
	}
	d := Databases{Path: "/", Repos: config(t, "/", "core").Repos}
	_, err := fake(t, "cat $file", frames(t, alpmproto.RequestID, with(func(*alpmproto.PackageFacts) {}))).Facts(t.Context(), d)
	require.NoError(t, err)
	unsorted := with(func(*alpmproto.PackageFacts) {})
	unsorted.Installed = append(unsorted.Installed, ok)
	for name, a := range map[string]*alpmproto.Reply{
		"no databases":      {LibAlpm: "1"},
		"another database":  {LibAlpm: "1", Databases: []alpmproto.Database{{Name: "extra"}}},
		"fewer than none":   {LibAlpm: "1", Databases: []alpmproto.Database{{Name: "core", PackageCount: -1}}},
		"no name":           with(func(p *alpmproto.PackageFacts) { p.Name = "" }),
		"twice":             unsorted,
		"no such need":      with(func(p *alpmproto.PackageFacts) { p.NeedLevel = 9 }),
		"a foreign update":  with(func(p *alpmproto.PackageFacts) { p.Repo = "" }),
		"ignored for what":  with(func(p *alpmproto.PackageFacts) { p.VersionOrder = 0 }),
		"a nameless record": {LibAlpm: "1", Databases: []alpmproto.Database{{Name: "core"}}, Packages: []wire.Package{{Repo: "core"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fake(t, "cat $file", frames(t, alpmproto.RequestID, a)).Facts(t.Context(), d)
			require.ErrorIs(t, err, ErrInvalidReply)
		})
	}
}

func TestWorker_Missing(t *testing.T) {
	_, err := askAnything(t.Context(), New()) // there is no omg-alpm-worker beside a test program
	require.ErrorIs(t, err, ErrNotInstalled)
	require.EqualError(t, err, "omg-alpm-worker is missing")

	dir := t.TempDir()
	_, err = askAnything(t.Context(), &Worker{path: filepath.Join(dir, "none"), timeout: await.Timeout})
	require.ErrorIs(t, err, ErrNotInstalled)

	empty := filepath.Join(dir, "empty")
	require.NoError(t, fixture.WriteExecutable(empty, nil))
	_, err = askAnything(t.Context(), &Worker{path: empty, timeout: await.Timeout})
	require.ErrorIs(t, err, ErrCrashed)
	require.NoError(t, os.Chmod(empty, 0o644))
	_, err = askAnything(t.Context(), &Worker{path: empty, timeout: await.Timeout})
	require.ErrorIs(t, err, ErrNotInstalled)
}

func TestWorker_Hangs(t *testing.T) {
	// The script ignores signals that request its end, and has a child. As soon as both run, it writes their
	// process IDs to a file.
	w := fake(t, "trap '' TERM INT HUP; sleep 1000 & echo $$ $! > $file.part; mv $file.part $file; wait", nil)
	file := filepath.Join(filepath.Dir(w.path), "file")
	pids := func() []string {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Fields(string(b))
	}
	// Raise the timeout until it is long enough for the script to write the file on this machine.
	for w.timeout = 50 * time.Millisecond; len(pids()) == 0; w.timeout *= 2 {
		_, err := askAnything(t.Context(), w)
		require.ErrorIs(t, err, ErrTimeout)
	}
	requireGone(t, pids())

	require.NoError(t, os.Truncate(file, 0))
	w.timeout = await.Timeout
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := askAnything(ctx, w)
		result <- err
	}()
	await.Condition(t, func() bool { return len(pids()) > 0 }, "the worker and its child")
	cancel()
	require.ErrorIs(t, await.Receive(t, result, "the end of the request"), context.Canceled)
	requireGone(t, pids())
}

// requireGone waits until none of the processes runs. The wait can take a moment, because a parent may reap
// its child late.
func requireGone(t *testing.T, pids []string) {
	t.Helper()
	require.Len(t, pids, 2)
	for _, pid := range pids {
		_, err := strconv.Atoi(pid)
		require.NoError(t, err)
		await.Condition(t, func() bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		}, "the end of process %s", pid)
	}
}

func TestWorker_Confined(t *testing.T) {
	t.Setenv("OMG_SECRET", "x")
	w := fake(t, "cat > /dev/null; echo $(ulimit -d) $(ulimit -c) $(pwd) $OMG_SECRET $HOME $(cut -d' ' -f5 /proc/$$/stat) $$ >&2; exit 1", nil)
	_, err := askAnything(t.Context(), w)
	require.ErrorIs(t, err, ErrCrashed)
	_, stderr, _ := strings.Cut(err.Error(), "): ")
	words := strings.Fields(stderr)
	require.Len(t, words, 5, stderr)
	require.Equal(t, []string{"524288", "0", "/"}, words[:3])
	require.Equal(t, words[4], words[3], "leads its own group")
	require.NotEqual(t, strconv.Itoa(unix.Getpgrp()), words[3])
}

func TestWorker_QuestionTooLarge(t *testing.T) {
	_, err := fake(t, "exit 1", nil).Info(t.Context(), Databases{Path: "/"}, []string{strings.Repeat("x", wire.MaxRequestSize)})
	require.ErrorIs(t, err, wire.ErrTooLarge)
}
