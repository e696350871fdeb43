package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
)

// quiet is how long a new omgd takes to become idle: until libalpm has confirmed the result of the refresh.
const quiet = 2 * time.Second

// setup has a database directory, a data directory with indexes of these databases, and an omgd that serves the
// databases.
type setup struct {
	name    string
	options fixture.Options // of generated databases
	db      string
	conf    string
	data    string
	target  string // a package to search for
	socket  string
	omgd    *exec.Cmd
	peak    atomic.Uint64 // peak of omgd's anonymous memory, in kB
}

// generated creates a setup of n packages.
func (b *bench) generated(n int) (*setup, error) {
	dir, err := os.MkdirTemp(b.dir, strconv.Itoa(n)+"-")
	if err != nil {
		return nil, err
	}
	db := filepath.Join(dir, "db")
	o := fixture.Options{Packages: n, Seed: 1, Installed: min(n/2, 1200)}
	if err := fixture.Write(db, o); err != nil {
		return nil, err
	}
	w := &setup{name: strconv.Itoa(n), options: o, db: db, target: "firefox"}
	return w, b.index(w)
}

// index builds the setup's index with omg-index.
func (b *bench) index(w *setup) (err error) {
	if w.conf, err = b.pacmanConf("core", "extra", "multilib"); err != nil {
		return err
	}
	w.data = w.db + "-data"
	if err := os.MkdirAll(w.data, 0o755); err != nil {
		return err
	}
	_, err = run(b.env, b.buildCommand(w, "--data-dir", w.data)...)
	return err
}

func (b *bench) buildCommand(w *setup, to ...string) []string {
	return append([]string{filepath.Join(b.bin, "omg-index"), "build", "--dbpath", w.db, "--pacman-config", w.conf}, to...)
}

// serve starts an omgd for the setup, with further arguments.
func (b *bench) serve(w *setup, more ...string) error {
	w.socket = filepath.Join(w.data, "omg.sock")
	args := append([]string{"--foreground", "--socket", w.socket, "--dbpath", w.db, "--pacman-config", w.conf, "--data-dir", w.data}, more...)
	w.omgd = exec.Command(filepath.Join(b.bin, "omgd"), args...)
	w.omgd.Env = append(b.env, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+b.tracker, "OMG_NETWORK_PROXY=none")
	w.omgd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.omgd.Start(); err != nil {
		return err
	}
	go w.sampleMemory()
	for range 1000 {
		if _, err := run(b.env, b.omg(w, "security", "--all", "--fail-on", "critical")...); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("omgd for %s does not answer", w.name)
}

func (w *setup) stop() {
	_ = w.omgd.Process.Signal(syscall.SIGTERM)
	_ = w.omgd.Wait()
}

func (b *bench) omg(w *setup, args ...string) []string {
	return append([]string{filepath.Join(b.bin, "omg"), "--socket", w.socket}, args...)
}

func pacman(w *setup, args ...string) []string {
	return append([]string{"pacman", "--config", w.conf, "-b", w.db, "--color", "never"}, args...)
}

// processes measures complete runs of the programs.
func (b *bench) processes() error {
	hello, err := b.hello()
	if err != nil {
		return err
	}
	var systems []*setup
	if b.corpus != "" {
		w := &setup{name: "corpus", db: b.corpus, target: "firefox"}
		if err := b.index(w); err != nil {
			return err
		}
		systems = append(systems, w)
	}
	w, err := b.generated(15_000)
	if err != nil {
		return err
	}
	systems = append(systems, w)
	for _, w := range systems {
		if err := b.systemProcesses(w, hello); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) systemProcesses(w *setup, hello string) error {
	if err := b.serve(w); err != nil {
		return err
	}
	defer w.stop()
	started := time.Now()
	time.Sleep(quiet)
	faster := 60.0
	if w.name == "corpus" {
		faster = 25
	}
	aim := fmt.Sprintf("%.0f times faster", faster)
	for _, q := range []struct{ name, op, flag, arg string }{
		{"omg search", "search", "-Ss", w.target},
		{"omg info", "info", "-Si", w.target},
	} {
		times, err := race(b.turns, b.env, b.omg(w, q.op, q.arg), []string{hello}, pacman(w, q.flag, q.arg))
		if err != nil {
			return err
		}
		name := q.name + " " + q.arg
		b.add(ratio(name, w.name, "pacman "+q.flag, times[0], times[2], aim, faster))
		b.add(ratio(name, w.name, "Go hello", times[0], times[1], "under 2.0 times", 1/2.0))
	}
	if err := b.installed(w); err != nil {
		return err
	}
	if err := b.security(w); err != nil {
		return err
	}
	dbs, err := filepath.Glob(filepath.Join(w.db, "sync", "*.db"))
	if err != nil {
		return err
	}
	// Write the index to another path: omgd would load each new index that appears at a path that it serves.
	times, err := race(b.turns/2, b.env, b.buildCommand(w, "-o", w.db+".omgidx"), append([]string{"gzip", "-dc"}, dbs...))
	if err != nil {
		return err
	}
	build := ratio("omg-index build", w.name, "gzip -dc", times[0], times[1], "", 1/1.5)
	if w.name == "corpus" {
		build.Aim = "within 1.5 times"
	}
	b.add(build)
	if err := b.indexSize(w, dbs); err != nil {
		return err
	}
	if w.name == "15000" {
		time.Sleep(max(0, 10*time.Second-time.Since(started)))
		return b.memory(w)
	}
	return nil
}

// installed compares the lists of installed packages.
func (b *bench) installed(w *setup) error {
	for _, q := range []struct {
		omg, pacman []string
		faster      float64
	}{
		{[]string{"explicit", "-q"}, []string{"-Qeq"}, 6},
		{[]string{"outdated"}, []string{"-Qu"}, 25},
		{[]string{"orphans", "-q"}, []string{"-Qdtq"}, 18},
	} {
		times, err := race(b.turns, b.env, b.omg(w, q.omg...), pacman(w, q.pacman...))
		if err != nil {
			return err
		}
		b.add(ratio("omg "+strings.Join(q.omg, " "), w.name, "pacman "+q.pacman[0], times[0], times[1],
			fmt.Sprintf("%.0f times faster", q.faster), q.faster))
	}
	return nil
}

// security compares omg security with omg status, because both print one small reply.
func (b *bench) security(w *setup) error {
	times, err := race(b.turns, b.env, b.omg(w, "security", "--all", "--fail-on", "critical"), b.omg(w, "status"))
	if err != nil {
		return err
	}
	f := ratio("omg security", w.name, "omg status", times[0], times[1], "within 2 times", 1/2.0)
	b.add(f)
	return nil
}

// indexSize compares the size of the indexes with the size of the desc files from which they were built.
func (b *bench) indexSize(w *setup, dbs []string) error {
	desc, err := descBytes(dbs)
	if err != nil {
		return err
	}
	indexes, err := sources.IndexFiles(paths.IndexDir(w.data))
	if err != nil {
		return err
	}
	var size int64
	for _, path := range indexes {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		size += fi.Size()
	}
	b.add(figure{
		Name: "index size", On: w.name, Unit: "MB", PeerName: "desc files",
		Measured: float64(size) / 1e6, Peer: float64(desc) / 1e6,
		Aim: "smaller than the desc files", Met: size < desc,
	})
	return nil
}

// memory reads omgd's memory from the kernel.
func (b *bench) memory(w *setup) error {
	now, err := procField(w.omgd.Process.Pid, "status", "RssAnon:")
	if err != nil {
		return err
	}
	b.add(figure{
		Name: "omgd anonymous memory, at rest", On: w.name, Unit: "MiB",
		Measured: now / 1024, Aim: "under 20 MiB (25 MiB with installed packages)", Met: now/1024 < 20,
	})
	peak := float64(w.peak.Load())
	b.add(figure{
		Name: "omgd anonymous memory, peak", On: w.name, Unit: "MiB",
		Measured: peak / 1024, Aim: "under 20 MiB (25 MiB with installed packages)", Met: peak/1024 < 20,
	})
	return nil
}

// sampleMemory samples omgd's anonymous memory, for which the kernel keeps no peak, until omgd ends.
func (w *setup) sampleMemory() {
	for {
		now, err := procField(w.omgd.Process.Pid, "status", "RssAnon:")
		if err != nil {
			return
		}
		if kb := uint64(now); kb > w.peak.Load() {
			w.peak.Store(kb)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// procField reads a number of kB from a file in /proc.
func procField(pid int, file, field string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/%s", field, pid, file)
}
