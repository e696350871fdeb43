package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// aurPackageCount is the number of packages in the AUR.
const aurPackageCount = 100_000

// measureAUR measures the cost of the AUR's index beside those of the repositories.
func (b *bench) measureAUR() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	w.name = "15000 and 100000 of the AUR"
	first, second := filepath.Join(w.dataDir, "first.json.gz"), filepath.Join(w.dataDir, "second.json.gz")
	if err := errors.Join(writeDump(first, 1), writeDump(second, 2)); err != nil {
		return err
	}
	if err := b.measureAURBuild(w, first); err != nil {
		return err
	}
	if err := b.measureAURSearch(w); err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(10 * time.Second)
	if err := b.measureAURMemory(w, "omgd anonymous memory with the AUR, at rest"); err != nil {
		return err
	}
	w.omgdPeakMemoryKB.Store(0)
	if _, err := run(b.env, b.aurBuildCommand(w, second)...); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // meanwhile omgd maps the new index and checks it completely
	peak := float64(w.omgdPeakMemoryKB.Load()) / 1024
	b.add(tableRow{
		Name: "omgd anonymous memory while a new dump is taken over, peak", Workload: w.name, Unit: "MiB", MeasuredValue: peak,
		Aim: "under 30 MiB", AimMet: peak < 30,
	})
	return nil
}

func writeDump(path string, seed uint64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fixture.WriteAURDump(f, aurPackageCount, seed), f.Close())
}

func (b *bench) aurBuildCommand(w *testSystem, dump string) []string {
	return []string{filepath.Join(b.bin, "omg-index"), "build", "--aur", dump, "--data-dir", w.dataDir}
}

// measureAURBuild measures building the index: time and peak memory.
func (b *bench) measureAURBuild(w *testSystem, dump string) error {
	var times runTimes
	most := 0.0
	for range 5 {
		var stderr bytes.Buffer
		args := b.aurBuildCommand(w, dump)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env, cmd.Stderr = b.env, &stderr
		start := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		peak := watchPeak(cmd.Process.Pid)
		err := cmd.Wait()
		took := milliseconds(time.Since(start))
		most = max(most, peak())
		if err != nil {
			return fmt.Errorf("%w: %s", err, stderr.Bytes())
		}
		times = append(times, took)
	}
	on := fmt.Sprint(aurPackageCount)
	b.add(tableRow{
		Name: "omg-index build --aur", Workload: on, Unit: "ms", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75),
		ours: times, Aim: "under 3000 ms", AimMet: times.median() < 3000,
	})
	b.add(tableRow{
		Name: "omg-index build --aur, most memory", Workload: on, Unit: "MiB", MeasuredValue: most, Aim: "under 200 MiB", AimMet: most < 200,
	})
	return nil
}

// watchPeak watches the peak memory of a process. The function peak returns the last value, in MiB. The value that
// the kernel returns for an ended process (ru_maxrss) cannot be used: it includes the memory of the parent, and this
// parent has a million packages in memory.
func watchPeak(pid int) (peak func() float64) {
	stop, result := make(chan struct{}), make(chan float64)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		most := 0.0
		for {
			select {
			case <-stop:
				result <- most
				return
			case <-tick.C:
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				continue // it has ended
			}
			if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
				var kib float64
				if _, err := fmt.Sscan(rest, &kib); err == nil {
					most = max(most, kib/1024)
				}
			}
		}
	}()
	return func() float64 { close(stop); return <-result }
}

// measureAURSearch measures, in this process, opening the AUR's index and searching all indexes as omgd does.
func (b *bench) measureAURSearch(w *testSystem) error {
	dir := paths.IndexDir(w.dataDir)
	index := sources.IndexPath(dir, pkgindex.KindAUR, wire.SourceAUR)
	var opens runTimes
	for range 50 {
		start := time.Now()
		f, err := pkgindex.Open(index, nil)
		if err != nil {
			return err
		}
		opens = append(opens, milliseconds(time.Since(start)))
		if err := f.Close(); err != nil {
			return err
		}
	}
	b.add(tableRow{
		Name: "index of the AUR opened", Workload: fmt.Sprint(aurPackageCount), Unit: "ms", MeasuredValue: opens.median(),
		SpreadLow: opens.quantile(0.25), SpreadHigh: opens.quantile(0.75), ours: opens, Aim: "under 5 ms", AimMet: opens.median() < 5,
	})
	s, closeAll, err := openSnapshot(dir)
	if err != nil {
		return err
	}
	defer closeAll()
	times, err := replyTimes(s, fixture.GenerateQueries(w.fixtureOptions, 4000))
	if err != nil {
		return err
	}
	p99 := times.quantile(0.99)
	b.add(tableRow{
		Name: "answer to a search of 1 to 100 hits, p50", Workload: w.name, Unit: "µs", MeasuredValue: times.median(),
		SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75),
	})
	b.add(tableRow{Name: "answer to a search of 1 to 100 hits, p99", Workload: w.name, Unit: "µs", MeasuredValue: p99, Aim: "under 100 µs", AimMet: p99 < 100})
	return nil
}

func (b *bench) measureAURMemory(w *testSystem, name string) error {
	kb, err := procField(w.omgd.Process.Pid, "status", "RssAnon:")
	if err != nil {
		return err
	}
	b.add(tableRow{Name: name, Workload: w.name, Unit: "MiB", MeasuredValue: kb / 1024, Aim: "under 30 MiB", AimMet: kb/1024 < 30})
	return nil
}
