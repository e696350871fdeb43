package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/creack/pty"
)

// run runs a program to its end and returns the time. Its output goes to files: with a pipe, the reader's speed would
// be measured too.
func run(env []string, args ...string) (time.Duration, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	return runTo(null, env, args...)
}

// terminalRows is the number of lines of a terminal on which everything fits, so that no pager starts.
const terminalRows = 10_000

// runOnTerminal is like run, but the output goes to a terminal.
func runOnTerminal(env []string, args ...string) (time.Duration, error) {
	master, terminal, err := pty.Open()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	defer terminal.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: terminalRows, Cols: 200}); err != nil {
		return 0, err
	}
	go func() { _, _ = io.Copy(io.Discard, master) }() // ends when the terminal is closed
	return runTo(terminal, env, args...)
}

// runTo is like run, with the standard output of the program.
func runTo(stdout *os.File, env []string, args ...string) (time.Duration, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return 0, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	stderr, err := os.CreateTemp("", "omg-bench-stderr-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(stderr.Name())
	defer stderr.Close()
	start := time.Now()
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: env, Files: []*os.File{null, stdout, stderr}})
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	took := time.Since(start)
	if err == nil && !state.Success() {
		line, _ := os.ReadFile(stderr.Name())
		err = fmt.Errorf("%q: %s: %s", args, state, line)
	}
	return took, err
}

// runTimes contains the run times of one program, in milliseconds.
type runTimes []float64

func (s runTimes) quantile(q float64) float64 {
	s = slices.Clone(s)
	slices.Sort(s)
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func (s runTimes) median() float64 { return s.quantile(0.5) }

// runAlternately runs programs alternately, so that a busy moment affects all of them, and returns the times of each program.
// The times of the first round are left out.
func runAlternately(turns int, env []string, programs ...[]string) ([]runTimes, error) {
	out := make([]runTimes, len(programs))
	for turn := range turns + 1 {
		for i, p := range programs {
			took, err := run(env, p...)
			if err != nil {
				return nil, err
			}
			if turn > 0 {
				out[i] = append(out[i], float64(took.Nanoseconds())/1e6)
			}
		}
	}
	return out, nil
}

// newRatioFigure returns a figure that compares two programs. The aim is met if the program of the project is faster than the
// peer by at least the factor in the parameter faster.
func newRatioFigure(name, on, peer string, ours, peers runTimes, aim string, faster float64) tableRow {
	return tableRow{
		Name: name, Workload: on, Unit: "ms",
		MeasuredValue: ours.median(), SpreadLow: ours.quantile(0.25), SpreadHigh: ours.quantile(0.75),
		PeerValue: peers.median(), PeerName: peer,
		Aim: aim, AimMet: peers.median()/ours.median() >= faster,
		ours: ours, peers: peers,
	}
}
