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

// daemonSettleTime is how long a new omgd takes to become idle: until libalpm has confirmed the result of the refresh.
const daemonSettleTime = 2 * time.Second

// testSystem has a database directory, a data directory with indexes of these databases, and an omgd that serves the
// databases.
type testSystem struct {
	name             string
	fixtureOptions   fixture.Options // of generated databases
	db               string
	conf             string
	dataDir          string
	searchedPackage  string // a package to search for
	socket           string
	omgd             *exec.Cmd
	omgdPeakMemoryKB atomic.Uint64 // omgdPeakMemoryKB of omgd's anonymous memory, in kB
}

// newGeneratedSystem creates a setup of n packages.
func (b *bench) newGeneratedSystem(n int) (*testSystem, error) {
	dir, err := os.MkdirTemp(b.dir, strconv.Itoa(n)+"-")
	if err != nil {
		return nil, err
	}
	db := filepath.Join(dir, "db")
	o := fixture.Options{Packages: n, Seed: 1, Installed: min(n/2, 1200)}
	if err := fixture.WriteDatabases(db, o); err != nil {
		return nil, err
	}
	w := &testSystem{name: strconv.Itoa(n), fixtureOptions: o, db: db, searchedPackage: "firefox"}
	return w, b.buildIndex(w)
}

// buildIndex builds the setup's index with omg-index.
func (b *bench) buildIndex(w *testSystem) (err error) {
	if w.conf, err = b.writePacmanConf("core", "extra", "multilib"); err != nil {
		return err
	}
	w.dataDir = w.db + "-data"
	if err := os.MkdirAll(w.dataDir, 0o755); err != nil {
		return err
	}
	_, err = run(b.env, b.indexBuildCommand(w, "--data-dir", w.dataDir)...)
	return err
}

func (b *bench) indexBuildCommand(w *testSystem, to ...string) []string {
	return append([]string{filepath.Join(b.bin, "omg-index"), "build", "--dbpath", w.db, "--pacman-config", w.conf}, to...)
}

// startDaemon starts an omgd for the setup, with further arguments.
func (b *bench) startDaemon(w *testSystem, more ...string) error {
	w.socket = filepath.Join(w.dataDir, "omg.sock")
	args := append([]string{"--foreground", "--socket", w.socket, "--dbpath", w.db, "--pacman-config", w.conf, "--data-dir", w.dataDir}, more...)
	w.omgd = exec.Command(filepath.Join(b.bin, "omgd"), args...)
	w.omgd.Env = append(b.env, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+b.trackerURL, "OMG_NETWORK_PROXY=none")
	w.omgd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.omgd.Start(); err != nil {
		return err
	}
	go w.sampleMemory()
	for range 1000 {
		if _, err := run(b.env, b.omgCommand(w, "security", "--all", "--fail-on", "critical")...); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("omgd for %s does not answer", w.name)
}

func (w *testSystem) stop() {
	_ = w.omgd.Process.Signal(syscall.SIGTERM)
	_ = w.omgd.Wait()
}

func (b *bench) omgCommand(w *testSystem, args ...string) []string {
	return append([]string{filepath.Join(b.bin, "omg"), "--socket", w.socket}, args...)
}

func pacmanCommand(w *testSystem, args ...string) []string {
	return append([]string{"pacman", "--config", w.conf, "-b", w.db, "--color", "never"}, args...)
}

// measureProgramRuns measures complete runs of the programs.
func (b *bench) measureProgramRuns() error {
	hello, err := b.buildHelloProgram()
	if err != nil {
		return err
	}
	var systems []*testSystem
	if b.corpusDB != "" {
		w := &testSystem{name: "corpus", db: b.corpusDB, searchedPackage: "firefox"}
		if err := b.buildIndex(w); err != nil {
			return err
		}
		systems = append(systems, w)
	}
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	systems = append(systems, w)
	for _, w := range systems {
		if err := b.measureTestSystemRuns(w, hello); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureTestSystemRuns(w *testSystem, hello string) error {
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	started := time.Now()
	time.Sleep(daemonSettleTime)
	faster := 60.0
	if w.name == "corpus" {
		faster = 25
	}
	aim := fmt.Sprintf("%.0f times faster", faster)
	for _, q := range []struct{ name, op, flag, arg string }{
		{"omg search", "search", "-Ss", w.searchedPackage},
		{"omg info", "info", "-Si", w.searchedPackage},
	} {
		times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w, q.op, q.arg), []string{hello}, pacmanCommand(w, q.flag, q.arg))
		if err != nil {
			return err
		}
		name := q.name + " " + q.arg
		b.add(newRatioFigure(name, w.name, "pacman "+q.flag, times[0], times[2], aim, faster))
		b.add(newRatioFigure(name, w.name, "Go hello", times[0], times[1], "under 2.0 times", 1/2.0))
	}
	if err := b.measureInstalledLists(w); err != nil {
		return err
	}
	if err := b.measureSecurity(w); err != nil {
		return err
	}
	if err := b.measureDashboard(w); err != nil {
		return err
	}
	if err := b.measureLetters(w); err != nil {
		return err
	}
	if err := b.measureUpdateTable(w); err != nil {
		return err
	}
	dbs, err := filepath.Glob(filepath.Join(w.db, "sync", "*.db"))
	if err != nil {
		return err
	}
	// Write the index to another path: omgd would load each new index that appears at a path that it serves.
	times, err := runAlternately(b.runsPerProgram/2, b.env, b.indexBuildCommand(w, "-o", w.db+".omgidx"), append([]string{"gzip", "-dc"}, dbs...))
	if err != nil {
		return err
	}
	build := newRatioFigure("omg-index build", w.name, "gzip -dc", times[0], times[1], "", 1/1.5)
	if w.name == "corpus" {
		build.Aim = "within 1.5 times"
	}
	b.add(build)
	if err := b.measureIndexSize(w, dbs); err != nil {
		return err
	}
	if w.name == "15000" {
		time.Sleep(max(0, 10*time.Second-time.Since(started)))
		return b.measureMemory(w)
	}
	return nil
}

// measureInstalledLists compares the lists of installed packages.
func (b *bench) measureInstalledLists(w *testSystem) error {
	for _, q := range []struct {
		omg, pacman []string
		faster      float64
	}{
		{[]string{"explicit", "-q"}, []string{"-Qeq"}, 6},
		{[]string{"outdated"}, []string{"-Qu"}, 25},
		{[]string{"orphans", "-q"}, []string{"-Qdtq"}, 18},
	} {
		times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w, q.omg...), pacmanCommand(w, q.pacman...))
		if err != nil {
			return err
		}
		b.add(newRatioFigure("omg "+strings.Join(q.omg, " "), w.name, "pacman "+q.pacman[0], times[0], times[1],
			fmt.Sprintf("%.0f times faster", q.faster), q.faster))
	}
	return nil
}

// measureSecurity compares omg security with omg status, because both print one small reply.
func (b *bench) measureSecurity(w *testSystem) error {
	times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w, "security", "--all", "--fail-on", "critical"), b.omgCommand(w, "status"))
	if err != nil {
		return err
	}
	f := newRatioFigure("omg security", w.name, "omg status", times[0], times[1], "within 2 times", 1/2.0)
	b.add(f)
	return nil
}

// measureDashboard compares omg without a command with omg status, because both print the same reply.
func (b *bench) measureDashboard(w *testSystem) error {
	times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w), b.omgCommand(w, "status"))
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg", w.name, "omg status", times[0], times[1], "within 1.1 times", 1/1.1))
	return nil
}

// measureLetters compares a search in pacman's form with omg's own.
func (b *bench) measureLetters(w *testSystem) error {
	times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w, "-Ss", w.searchedPackage), b.omgCommand(w, "search", w.searchedPackage))
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg -Ss "+w.searchedPackage, w.name, "omg search", times[0], times[1], "within 1.1 times", 1/1.1))
	return nil
}

// measureUpdateTable compares omg outdated on a terminal with the list that it prints elsewhere.
func (b *bench) measureUpdateTable(w *testSystem) error {
	var table, list runTimes
	for turn := range b.runsPerProgram + 1 {
		onTerminal, err := runOnTerminal(b.env, b.omgCommand(w, "outdated")...)
		if err != nil {
			return err
		}
		elsewhere, err := run(b.env, b.omgCommand(w, "outdated")...)
		if err != nil {
			return err
		}
		if turn > 0 {
			table, list = append(table, float64(onTerminal.Nanoseconds())/1e6), append(list, float64(elsewhere.Nanoseconds())/1e6)
		}
	}
	b.add(newRatioFigure("omg outdated on a terminal", w.name, "omg outdated", table, list, "within 1.3 times", 1/1.3))
	return nil
}

// measureIndexSize compares the size of the indexes with the size of the desc files from which they were built.
func (b *bench) measureIndexSize(w *testSystem, dbs []string) error {
	desc, err := totalDescBytes(dbs)
	if err != nil {
		return err
	}
	indexes, err := sources.IndexFiles(paths.IndexDir(w.dataDir))
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
	b.add(tableRow{
		Name: "index size", Workload: w.name, Unit: "MB", PeerName: "desc files",
		MeasuredValue: float64(size) / 1e6, PeerValue: float64(desc) / 1e6,
		Aim: "smaller than the desc files", AimMet: size < desc,
	})
	return nil
}

// measureMemory reads omgd's memory from the kernel.
func (b *bench) measureMemory(w *testSystem) error {
	now, err := procField(w.omgd.Process.Pid, "status", "RssAnon:")
	if err != nil {
		return err
	}
	b.add(tableRow{
		Name: "omgd anonymous memory, at rest", Workload: w.name, Unit: "MiB",
		MeasuredValue: now / 1024, Aim: "under 20 MiB (25 MiB with installed packages)", AimMet: now/1024 < 20,
	})
	peak := float64(w.omgdPeakMemoryKB.Load())
	b.add(tableRow{
		Name: "omgd anonymous memory, peak", Workload: w.name, Unit: "MiB",
		MeasuredValue: peak / 1024, Aim: "under 20 MiB (25 MiB with installed packages)", AimMet: peak/1024 < 20,
	})
	return nil
}

// sampleMemory samples omgd's anonymous memory, for which the kernel keeps no peak, until omgd ends.
func (w *testSystem) sampleMemory() {
	for {
		now, err := procField(w.omgd.Process.Pid, "status", "RssAnon:")
		if err != nil {
			return
		}
		if kb := uint64(now); kb > w.omgdPeakMemoryKB.Load() {
			w.omgdPeakMemoryKB.Store(kb)
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
