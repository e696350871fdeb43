package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// idleTime is how long an idle omgd is measured.
const idleTime = 60 * time.Second

// measureIdle measures the memory, the processor time and the wake-ups of omgd while nothing happens, with packages of the AUR and a journal of
// a year. With an earlier version, both run at the same time, each with indexes of its own.
func (b *bench) measureIdle() error {
	versions := []*bench{b}
	if b.peerBin != "" {
		peer := *b
		peer.bin = b.peerBin
		versions = append(versions, &peer)
	}
	var systems []*testSystem
	for _, version := range versions {
		w, err := version.newIdleSystem()
		if err != nil {
			return err
		}
		if err := version.startDaemon(w); err != nil {
			return err
		}
		defer w.stop()
		systems = append(systems, w)
	}
	time.Sleep(10 * time.Second)
	type usage struct {
		cpu             time.Duration
		wakeups, memory float64
	}
	measure := func() (all []usage, err error) {
		for _, w := range systems {
			var u usage
			if u.cpu, u.wakeups, err = cpuTime(w.omgd.Process.Pid); err != nil {
				return nil, err
			}
			if u.memory, err = procField(w.omgd.Process.Pid, "status", "RssAnon:"); err != nil {
				return nil, err
			}
			all = append(all, u)
		}
		return all, nil
	}
	before, err := measure()
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	after, err := measure()
	if err != nil {
		return err
	}
	on := systems[0].name + " and 100000 of the AUR"
	add := func(name, unit, aim string, limit float64, value func(n int) float64) {
		row := tableRow{Name: name, Workload: on, Unit: unit, MeasuredValue: value(0), Aim: aim, AimMet: value(0) < limit}
		if len(systems) > 1 {
			row.PeerName, row.PeerValue = "earlier omgd", value(1)
		}
		b.add(row)
	}
	add("omgd idle for a minute", "% of a core", "under 0.1 %", 0.1, func(n int) float64 {
		return 100 * (after[n].cpu - before[n].cpu).Seconds() / idleTime.Seconds()
	})
	add("omgd idle for a minute, threads scheduled", "times", "", 0, func(n int) float64 { return after[n].wakeups - before[n].wakeups })
	add("omgd idle for a minute, anonymous memory", "MiB", "under 30 MiB", 30, func(n int) float64 { return after[n].memory / 1024 })
	return nil
}

// newIdleSystem creates a system with packages of the AUR, and a journal of a year.
func (b *bench) newIdleSystem() (*testSystem, error) {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return nil, err
	}
	dump := filepath.Join(w.dataDir, "dump.json.gz")
	if err := writeDump(dump, 1); err != nil {
		return nil, err
	}
	names, err := namesInDump(dump, checkedPackageCount)
	if err != nil {
		return nil, err
	}
	path, err := b.writeJournalOfYear(names)
	if err != nil {
		return nil, err
	}
	return w, b.addToSystem(w, dump, names, path)
}

// cpuTime returns the processor time of a process, which the kernel counts in nanoseconds, and how often one of its threads was scheduled.
func cpuTime(pid int) (cpu time.Duration, scheduled float64, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, 0, errors.Join(err, fmt.Errorf("process %d is gone", pid))
	}
	for _, path := range tasks {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var ns, waiting int64
		var times float64
		if _, err := fmt.Sscan(string(data), &ns, &waiting, &times); err != nil {
			return 0, 0, err
		}
		cpu, scheduled = cpu+time.Duration(ns), scheduled+times
	}
	return cpu, scheduled, nil
}

// measureChangeDelay measures the time from a change of one installed package until omgd answers with it, and until omg watch prints it.
func (b *bench) measureChangeDelay() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(daemonSettleTime)
	out, err := exec.Command(b.omgCommand(w, "installed", "--json")[0], b.omgCommand(w, "installed", "--json", "--explicit")[1:]...).Output()
	if err != nil {
		return err
	}
	var all struct {
		Packages []struct{ Name, Version string }
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	var answered, printed, between, delivered runTimes
	for _, conns := range []int{0, watchingConns} {
		lines, err := b.startWatching(w, conns)
		if err != nil {
			return err
		}
		defer lines.stop()
		for i := range 20 {
			p := all.Packages[i%len(all.Packages)]
			times, err := w.measureOneChange(filepath.Join(w.db, "local", p.Name+"-"+p.Version, "desc"), lines)
			if err != nil {
				return err
			}
			if conns > 0 {
				delivered = append(delivered, milliseconds(max(0, times.delivered-times.answered)))
			} else {
				answered, printed = append(answered, milliseconds(times.answered)), append(printed, milliseconds(times.printed))
				between = append(between, milliseconds(max(0, times.printed-times.answered)))
			}
			time.Sleep(300 * time.Millisecond)
		}
	}
	on := w.name + ", 1200 installed"
	add := func(name string, times, peers runTimes, aim string, limit float64) {
		row := tableRow{
			Name: name, Workload: on, Unit: "ms", MeasuredValue: times.median(),
			SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times, Aim: aim, AimMet: times.median() < limit,
		}
		if peers != nil {
			row.PeerName, row.PeerValue, row.peers = "omgd answers", peers.median(), peers
		}
		b.add(row)
	}
	add("time from a change of one package until omgd answers with it", answered, nil, "under 150 ms", 150)
	add("time from a change of one package until omg watch prints a line", printed, answered, "under 150 ms", 150)
	add("time from omgd's answer until omg watch prints a line", between, nil, "under 5 ms", 5)
	add(fmt.Sprintf("time from omgd's answer until %d watching connections have it", watchingConns), delivered, nil, "under 50 ms", 50)
	return nil
}

// changeTimes are the times after a change of one package until omgd answers with it, until omg watch has printed it, and until all
// watching connections have it.
type changeTimes struct{ answered, printed, delivered time.Duration }

// measureOneChange changes the reason of an installed package in its desc file.
func (w *testSystem) measureOneChange(desc string, lines *watchLines) (times changeTimes, err error) {
	ctx := context.Background()
	conn, err := client.Dial(ctx, w.socket, client.Options{})
	if err != nil {
		return times, err
	}
	defer conn.Close()
	explicit := func() (int, error) {
		var r wire.ExplicitResult
		err := conn.CallForResult(ctx, wire.OpExplicit, nil, &r)
		return len(r.Names), err
	}
	data, err := os.ReadFile(desc)
	if err != nil {
		return times, err
	}
	text := string(data)
	if rest, ok := strings.CutSuffix(text, "%REASON%\n1\n\n"); ok {
		text = rest
	} else {
		text += "%REASON%\n1\n\n"
	}
	before, err := explicit()
	if err != nil {
		return times, err
	}
	lock := filepath.Join(w.db, "db.lck")
	err = errors.Join(os.WriteFile(lock, nil, 0o600), os.WriteFile(desc, []byte(text), 0o644), os.Remove(lock))
	if err != nil {
		return times, err
	}
	start := time.Now()
	now := before
	for now == before {
		if now, err = explicit(); err != nil {
			return times, err
		}
		if time.Since(start) > 10*time.Second {
			return times, fmt.Errorf("omgd does not see that %s changed", desc)
		}
		time.Sleep(200 * time.Microsecond)
	}
	times.answered = time.Since(start)
	printedAt, deliveredAt, err := lines.await(now)
	times.printed, times.delivered = printedAt.Sub(start), deliveredAt.Sub(start)
	return times, err
}
