package main

import (
	"bufio"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// measureAgent measures the memory and the processor time of an agent while nothing happens, beside its omgd. It is connected to a server, and has
// answered a question.
func (b *bench) measureAgent() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	server, url, err := b.startFleetServer(filepath.Join(w.dataDir, "nats"))
	if err != nil {
		return err
	}
	defer stopProcess(server)
	fleet := []string{filepath.Join(b.bin, "omg-fleet"), "--server", url}
	agent := exec.Command(fleet[0], append(fleet[1:], "agent", "--host", "host", "--socket", w.socket)...)
	agent.Env, agent.SysProcAttr = b.env, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := agent.Start(); err != nil {
		return err
	}
	defer stopProcess(agent)
	if err := b.awaitRun(append(fleet, "--require-all", "hosts")...); err != nil {
		return err
	}
	time.Sleep(10 * time.Second)
	pid := agent.Process.Pid
	before, scheduled, err := cpuTime(pid)
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	after, scheduledAfter, err := cpuTime(pid)
	anonymous, anonymousErr := procField(pid, "status", "RssAnon:")
	resident, residentErr := procField(pid, "status", "VmRSS:")
	if err := errors.Join(err, anonymousErr, residentErr); err != nil {
		return err
	}
	const on = "1200 installed packages"
	busy := 100 * (after - before).Seconds() / idleTime.Seconds()
	b.add(tableRow{Name: "omg-fleet agent idle for a minute", Workload: on, Unit: "% of a core", MeasuredValue: busy, Aim: "at most 0.1 %", AimMet: busy <= 0.1})
	b.add(tableRow{Name: "omg-fleet agent idle for a minute, threads scheduled", Workload: on, Unit: "times", MeasuredValue: scheduledAfter - scheduled})
	b.add(tableRow{
		Name: "omg-fleet agent idle for a minute, anonymous memory", Workload: on, Unit: "MiB", MeasuredValue: anonymous / 1024, Aim: "under 20 MiB", AimMet: anonymous/1024 < 20,
		Note: fmt.Sprintf("with the pages of its program, which other processes share, %.1f MiB", resident/1024),
	})
	return nil
}

// startFleetServer starts a server, and returns its address.
func (b *bench) startFleetServer(dir string) (server *exec.Cmd, url string, err error) {
	server = exec.Command(filepath.Join(b.bin, "omg-fleet"), "dev", "--listen", "127.0.0.1:0", "--dir", dir)
	server.Env, server.SysProcAttr = b.env, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		return nil, "", err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, url, found := strings.Cut(lines.Text(), "OMG_FLEET_SERVER="); found {
			return server, url, nil
		}
	}
	stopProcess(server)
	return nil, "", errors.New("omg-fleet dev does not start")
}

// stopProcess ends a process.
func stopProcess(p *exec.Cmd) {
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
}

// awaitRun runs a program until it succeeds.
func (b *bench) awaitRun(args ...string) (err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, err = run(b.env, args...); err == nil {
			return nil
		}
	}
	return err
}
