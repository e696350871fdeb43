package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// replaced is a file that omgd replaces when a database has changed.
type replaced struct {
	path    string
	ops     []atomicfile.Op // the steps of one replacement of the file
	problem string          // the problem in the status while the file cannot be replaced
	usable  func(path string) error
}

// TestServe_DiskFaults checks that omgd works if a step of replacing an index, its origin or the status file
// fails, on a bad disk and on a full one. omgd answers from the new database, the file keeps its last
// content, and the status reports the problem until the file can be written again.
func TestServe_DiskFaults(t *testing.T) {
	w := newTestSystem(t)
	d := w.serve()
	d.awaitCurrent()
	synced := []atomicfile.Op{
		atomicfile.OpCreate, atomicfile.OpWrite, atomicfile.OpChmod, atomicfile.OpSync, atomicfile.OpClose, atomicfile.OpRename, atomicfile.OpSyncDir,
	}
	index := func(string) error {
		f, err := pkgindex.Open(w.index("core"), d.env.Trusts)
		if err != nil {
			return err
		}
		return errors.Join(f.VerifyChecksums(), f.Close())
	}
	status := func(path string) error { _, err := statusfile.Read(path); return err }
	packages := 300
	for name, file := range map[string]replaced{
		"index":  {w.index("core"), synced, "index: memory", index},
		"origin": {w.index("core") + ".origin", synced, "index: memory", index},
		"status file": {
			d.statusKeeper.path, slices.DeleteFunc(slices.Clone(synced), func(op atomicfile.Op) bool { return op == atomicfile.OpSync || op == atomicfile.OpSyncDir }),
			"status file: failed", status,
		},
	} {
		for i, op := range file.ops {
			fault := []error{unix.EIO, unix.ENOSPC}[i%2]
			t.Run(name+"/"+string(op)+"/"+fault.Error(), func(t *testing.T) {
				d := &running{daemon: d.daemon, t: t, stop: d.stop}
				d.checkFault(w, &file, op, fault, &packages)
			})
		}
	}
}

// checkFault changes a database while one step of replacing a file fails, and checks omgd. Then it lets the
// step succeed again, changes the database again, and checks that no problem is left.
func (r *running) checkFault(w *testSystem, file *replaced, op atomicfile.Op, fault error, packages *int) {
	r.t.Helper()
	change := func() {
		*packages += 10
		w.write("core", content(r.t, "core", *packages))
	}
	all := func() int { return w.packages("core") + w.packages("extra") + w.packages("multilib") }
	var before atomic.Pointer[[]byte] // the file's content at the first fault, because earlier a refresh may still write the status file
	inject := atomicfile.Fault(func(now atomicfile.Op, path string) error {
		if now != op || path != file.path {
			return nil
		}
		if content, err := os.ReadFile(path); err == nil {
			before.CompareAndSwap(nil, &content)
		}
		return fault
	})
	atomicfile.TestFault.Store(&inject)
	end := func() { atomicfile.TestFault.Store(nil) }
	defer end()
	change()
	await.Condition(r.t, func() bool { return slices.Contains(problems(r.queryStatus()), file.problem) },
		"%s; the problems are %s", file.problem, func() []string { return problems(r.queryStatus()) })
	await.Condition(r.t, func() bool { n, _, err := r.search(); return err == nil && n == all() }, "the new database answers")
	st := r.queryStatus()
	i := slices.IndexFunc(st.Problems, func(p wire.Problem) bool { return p.Name+": "+p.State == file.problem })
	require.Contains(r.t, st.Problems[i].Why, fault.Error())
	require.Contains(r.t, st.Problems[i].Why, file.path)
	require.Equal(r.t, wire.HealthDegraded, r.checkHealth().State)
	require.NoError(r.t, file.usable(file.path), "the old file is complete")
	if op != atomicfile.OpSyncDir { // OpSyncDir is the step after the rename: the file has its new content
		after, err := os.ReadFile(file.path)
		require.NoError(r.t, err)
		require.Equal(r.t, before.Load(), &after)
	}

	end()
	change()
	await.Condition(r.t, func() bool { return len(problems(r.queryStatus())) == 0 }, "no problem is left")
	await.Condition(r.t, func() bool { n, _, err := r.search(); return err == nil && n == all() }, "the next database answers")
	require.NoError(r.t, file.usable(file.path))
}

// TestServe_FullRunDirectory checks omgd when the directory of the socket and the status file becomes full
// while omgd runs, and when it is full at the next start.
func TestServe_FullRunDirectory(t *testing.T) {
	w := newTestSystem(t)
	run := need.Tmpfs(t, "64k")
	w.socket = filepath.Join(run, "omg.sock")
	d := w.serve()
	d.awaitCurrent()
	d.awaitFile(false)
	filler := filepath.Join(run, "filler")
	fill, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	await.Condition(t, func() bool { // if a refresh has already written the next status file, the rename of that file frees space again
		_, err := fill.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, unix.ENOSPC)
		d.refresher.Kick()
		return slices.Equal(problems(d.queryStatus()), []string{"status file: failed"})
	}, "the status file has a problem; the problems are %s", func() string { return fmt.Sprint(problems(d.queryStatus())) })
	require.NoError(t, fill.Close())
	last, err := statusfile.Read(d.statusKeeper.path) // from now on, omgd cannot write the file again
	require.NoError(t, err)

	w.write("core", content(t, "core", 350))
	await.Condition(t, func() bool { n, _, err := d.search("core"); return err == nil && n == w.packages("core") }, "the new database answers")
	require.Equal(t, []string{"status file: failed"}, problems(d.queryStatus()))
	require.Contains(t, d.queryStatus().Problems[len(d.queryStatus().Problems)-1].Why, "no space left on device")
	now, err := statusfile.Read(d.statusKeeper.path)
	require.NoError(t, err)
	require.Equal(t, last, now, "prompts see the last numbers, with their time")
	d.stop()

	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 1<<20), 0o600), unix.ENOSPC)
	_, err = openDaemon(w.options)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.ErrorContains(t, err, run)
	require.NoError(t, os.Remove(filler))
	d = w.serve()
	d.awaitCurrent()
	d.awaitFile(false)
	require.Empty(t, problems(d.queryStatus()))
}
