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

// measureIdle measures the processor time of omgd while nothing happens.
func (b *bench) measureIdle() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(5 * time.Second)
	before, err := cpuTime(w.omgd.Process.Pid)
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	after, err := cpuTime(w.omgd.Process.Pid)
	if err != nil {
		return err
	}
	part := 100 * (after - before).Seconds() / idleTime.Seconds()
	b.add(tableRow{
		Name: "omgd idle for a minute", Workload: w.name, Unit: "% of a core", MeasuredValue: part, Aim: "under 0.1 %", AimMet: part < 0.1,
	})
	return nil
}

// cpuTime returns the processor time of a process, which the kernel counts in nanoseconds.
func cpuTime(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, errors.Join(err, fmt.Errorf("process %d is gone", pid))
	}
	var sum time.Duration
	for _, path := range tasks {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var ns int64
		if _, err := fmt.Sscan(string(data), &ns); err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// measureChangeDelay measures the time from a change of one installed package until omgd answers with it.
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
	ctx := context.Background()
	conn, err := client.Dial(ctx, w.socket, client.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	explicit := func() (int, error) {
		var r wire.ExplicitResult
		err := conn.CallForResult(ctx, wire.OpExplicit, nil, &r)
		return len(r.Names), err
	}
	var times runTimes
	for i := range 20 {
		p := all.Packages[i%len(all.Packages)]
		desc := filepath.Join(w.db, "local", p.Name+"-"+p.Version, "desc")
		data, err := os.ReadFile(desc)
		if err != nil {
			return err
		}
		text := string(data)
		if rest, ok := strings.CutSuffix(text, "%REASON%\n1\n\n"); ok {
			text = rest
		} else {
			text += "%REASON%\n1\n\n"
		}
		before, err := explicit()
		if err != nil {
			return err
		}
		lock := filepath.Join(w.db, "db.lck")
		err = errors.Join(os.WriteFile(lock, nil, 0o600), os.WriteFile(desc, []byte(text), 0o644), os.Remove(lock))
		if err != nil {
			return err
		}
		start := time.Now()
		for {
			now, err := explicit()
			if err != nil {
				return err
			}
			if now != before {
				break
			}
			if time.Since(start) > 10*time.Second {
				return fmt.Errorf("omgd does not see that %s changed", desc)
			}
			time.Sleep(200 * time.Microsecond)
		}
		times = append(times, milliseconds(time.Since(start)))
		time.Sleep(300 * time.Millisecond)
	}
	b.add(tableRow{
		Name: "time from a change of one package until omgd answers with it", Workload: w.name + ", 1200 installed", Unit: "ms", MeasuredValue: times.median(),
		SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times, Aim: "under 150 ms", AimMet: times.median() < 150,
	})
	return nil
}
