package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omg-arch/omg/integration/emulator"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// measureBrowse measures omg-browse on a terminal in memory, beside fzf, which gets the names of the same packages.
func (b *bench) measureBrowse() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	dump := filepath.Join(w.dataDir, "dump.json.gz")
	if err := writeDump(dump, 1); err != nil {
		return err
	}
	if _, err := run(b.env, b.aurBuildCommand(w, dump)...); err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	c := &browseBench{bench: b, w: w, on: w.name + " and 100000 of the AUR", browse: []string{filepath.Join(b.bin, "omg-browse"), "--socket", w.socket}}
	if err := c.prepare(); err != nil {
		return err
	}
	for _, size := range [][2]int{{80, 24}, {200, 50}} {
		if err := c.measureKeys(size[0], size[1]); err != nil {
			return err
		}
	}
	return errors.Join(c.measureStart(), c.measureScrolling(), c.measureIdle())
}

// browseBench is what the measurements of omg-browse share.
type browseBench struct {
	*bench
	w      *testSystem
	on     string
	browse []string // the command line of omg-browse
	fzf    []string // that of fzf; nil if fzf is not installed
	list   string   // a file with the names of all packages
	total  int
	// inputs are the texts of the input line, one after each key. Each begins with the one before it, or is empty.
	inputs []input
}

// input is a text of the input line, and how many packages omg-browse and fzf find with it.
type input struct {
	text           string
	found, fzfFind int
}

// typedNames is the number of names of packages that are typed, and typedLength is the number of their characters.
const (
	typedNames  = 40
	typedLength = 7
)

// prepare writes the list of names, and finds out what must be shown after each key.
func (c *browseBench) prepare() error {
	ctx := context.Background()
	conn, err := client.Dial(ctx, c.w.socket, client.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	var names []string
	_, err = conn.Search(ctx, &wire.SearchRequest{AllRepos: true, Offline: true}, func(p *wire.Package) error {
		names = append(names, p.Name)
		return nil
	}, func() {})
	if err != nil {
		return err
	}
	c.total = len(names)
	c.list = filepath.Join(c.dir, "names")
	if err := os.WriteFile(c.list, []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	if path, err := exec.LookPath("fzf"); err == nil {
		c.fzf = []string{path}
	} else {
		fmt.Fprintln(os.Stderr, "no fzf: its figures are left out")
	}
	for i := range typedNames {
		name := names[i*len(names)/typedNames]
		for end := range min(len(name), typedLength) {
			in := input{text: name[:end+1]}
			result, err := conn.Search(ctx, &wire.SearchRequest{Words: []string{in.text}, Offline: true, Limit: 1}, func(*wire.Package) error { return nil }, func() {})
			if err != nil {
				return err
			}
			in.found = int(result.Total)
			if in.fzfFind, err = c.countWithFzf(in.text); err != nil {
				return err
			}
			c.inputs = append(c.inputs, in)
		}
		c.inputs = append(c.inputs, input{found: c.total, fzfFind: c.total})
	}
	return nil
}

// countWithFzf returns how many names fzf finds.
func (c *browseBench) countWithFzf(text string) (int, error) {
	if c.fzf == nil {
		return 0, nil
	}
	list, err := os.Open(c.list)
	if err != nil {
		return 0, err
	}
	defer list.Close()
	cmd := exec.Command(c.fzf[0], "--filter", text)
	cmd.Stdin, cmd.Env = list, c.env
	out, err := cmd.Output()
	if exited := (*exec.ExitError)(nil); errors.As(err, &exited) && exited.ExitCode() == 1 {
		err = nil // nothing is found
	}
	return bytes.Count(out, []byte("\n")), err
}

// browseShows reports whether omg-browse shows the packages that it finds with an input.
func browseShows(s *emulator.Screen, in input) bool {
	line := strings.Fields(s.Line(1))
	if in.text != "" && (len(line) < 2 || line[1] != in.text) {
		return false
	}
	return strings.HasSuffix(s.Line(1), fmt.Sprintf(" %d · %s", in.found, wire.SortRelevance)) && (in.text != "" || strings.HasPrefix(s.Line(1), ">   "))
}

// fzfShows reports whether fzf shows the names that it finds with an input.
func (c *browseBench) fzfShows(s *emulator.Screen, in input) bool {
	rows := len(s.Cells)
	return strings.TrimRight(s.Line(rows-1), " ") == strings.TrimRight("> "+in.text, " ") && strings.HasPrefix(s.Line(rows-2), fmt.Sprintf("  %d/%d", in.fzfFind, c.total))
}

// running is a program on a terminal.
type running struct {
	*emulator.Terminal
	cmd *exec.Cmd
}

// browseTimeout is how long a screen is awaited.
const browseTimeout = time.Minute

// startOnTerminal starts a program, with the list of names as its standard input if it is fzf.
func (c *browseBench) startOnTerminal(columns, rows int, line []string) (*running, error) {
	terminal, err := emulator.Open(columns, rows)
	if err != nil {
		return nil, err
	}
	r := &running{terminal, exec.Command(line[0], line[1:]...)}
	r.cmd.Env = append(c.env, "TERM=xterm-256color")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if line[0] == c.browse[0] {
		r.cmd.Stdout = io.Discard
	} else {
		list, err := os.Open(c.list)
		if err != nil {
			return nil, err
		}
		defer list.Close()
		r.cmd.Stdin, r.cmd.Stdout = list, io.Discard
	}
	r.Attach(r.cmd)
	return r, r.cmd.Start()
}

func (r *running) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	_ = r.Close()
}

// await waits until the screen satisfies a condition, and returns it.
func (r *running) await(such func(*emulator.Screen) bool) (*emulator.Screen, error) {
	s, ok := r.Await(browseTimeout, such)
	if !ok {
		return nil, fmt.Errorf("%q shows something else:\n%s", r.cmd.Args, s)
	}
	return s, nil
}

// programs are omg-browse and fzf, and what they show.
func (c *browseBench) programs() (lines [][]string, shows []func(*emulator.Screen, input) bool) {
	lines, shows = [][]string{c.browse}, []func(*emulator.Screen, input) bool{browseShows}
	if c.fzf != nil {
		lines, shows = append(lines, c.fzf), append(shows, c.fzfShows)
	}
	return lines, shows
}

// measureKeys measures the time from a key to the screen with the result, and the number of bytes that a key sends to the terminal.
func (c *browseBench) measureKeys(columns, rows int) error {
	const quiet = 50 * time.Millisecond
	lines, shows := c.programs()
	times, sent := make([]runTimes, len(lines)), make([]runTimes, len(lines))
	slowest, slowestTime := "", 0.0
	for i, line := range lines {
		r, err := c.startOnTerminal(columns, rows, line)
		if err != nil {
			return err
		}
		defer r.stop()
		if _, err := r.await(func(s *emulator.Screen) bool { return shows[i](s, input{found: c.total, fzfFind: c.total}) }); err != nil {
			return err
		}
		for _, fast := range []bool{true, false} {
			for _, in := range c.inputs {
				key := "\x15" // ctrl-u deletes the line
				if in.text != "" {
					key = in.text[len(in.text)-1:]
				}
				before := r.Screen()
				start := time.Now()
				if _, err := io.WriteString(r, key); err != nil {
					return err
				}
				s, err := r.await(func(s *emulator.Screen) bool { return shows[i](s, in) })
				if err != nil {
					return err
				}
				if fast {
					took := milliseconds(s.Arrived.Sub(start))
					times[i] = append(times[i], took)
					if i == 0 && took > slowestTime {
						slowest, slowestTime = in.text, took
					}
				} else {
					sent[i] = append(sent[i], float64(r.AwaitQuiet(quiet).Received-before.Received))
				}
			}
		}
	}
	on := fmt.Sprintf("%s, %dx%d", c.on, columns, rows)
	note := fmt.Sprintf("%d keys", len(times[0]))
	add := func(name, unit, aim string, limit float64, values []runTimes, quantile float64) {
		row := tableRow{
			Name: name, Workload: on, Unit: unit, MeasuredValue: values[0].quantile(quantile), SpreadLow: values[0].quantile(0.25),
			SpreadHigh: values[0].quantile(0.75), Aim: aim, AimMet: values[0].quantile(quantile) < limit, Note: note,
		}
		if len(values) > 1 {
			row.PeerName, row.PeerValue = "fzf", values[1].quantile(quantile)
		}
		c.add(row)
	}
	add("omg-browse, from a key to the screen with the result, median", "ms", "", 0, times, 0.5)
	note += fmt.Sprintf(", the slowest %.1f ms for the input %q", slowestTime, slowest)
	add("omg-browse, from a key to the screen with the result, 99th percentile", "ms", "under 16 ms", 16, times, 0.99)
	note = fmt.Sprintf("%d keys", len(sent[0]))
	add("omg-browse, bytes to the terminal for a key, with the preview, median", "bytes", "under 4096", 4096, sent, 0.5)
	add("omg-browse, bytes to the terminal for a key, with the preview, 99th percentile", "bytes", "under 4096", 4096, sent, 0.99)
	return nil
}

// measureStart measures the time from the start of the program to the first screen with packages.
func (c *browseBench) measureStart() error {
	lines, shows := c.programs()
	times := make([]runTimes, len(lines))
	for range c.runsPerProgram {
		for i, line := range lines {
			start := time.Now()
			r, err := c.startOnTerminal(80, 24, line)
			if err != nil {
				return err
			}
			s, err := r.await(func(s *emulator.Screen) bool { return shows[i](s, input{found: c.total, fzfFind: c.total}) })
			r.stop()
			if err != nil {
				return err
			}
			times[i] = append(times[i], milliseconds(s.Arrived.Sub(start)))
		}
	}
	row := tableRow{
		Name: "omg-browse, from the start to the screen with packages", Workload: c.on, Unit: "ms", MeasuredValue: times[0].median(),
		SpreadLow: times[0].quantile(0.25), SpreadHigh: times[0].quantile(0.75), ours: times[0], Aim: "under 30 ms", AimMet: times[0].median() < 30,
	}
	if len(times) > 1 {
		row.PeerName, row.PeerValue, row.peers = "fzf", times[1].median(), times[1]
	}
	c.add(row)
	return nil
}

// measureScrolling measures the memory after a user has scrolled through all packages.
func (c *browseBench) measureScrolling() error {
	r, err := c.startOnTerminal(200, 50, c.browse)
	if err != nil {
		return err
	}
	defer r.stop()
	if _, err := r.await(func(s *emulator.Screen) bool { return browseShows(s, input{found: c.total}) }); err != nil {
		return err
	}
	start, pages := time.Now(), 0
	const listRows = 50 - 3
	for ; pages < c.total/listRows-2; pages++ {
		before := r.Screen().Line(2)
		if _, err := io.WriteString(r, "\x1b[6~"); err != nil {
			return err
		}
		_, err := r.await(func(s *emulator.Screen) bool {
			return s.Line(2) != before && s.Line(len(s.Cells)-2) != "" && s.Cells[len(s.Cells)-2][3].Text != "…"
		})
		if err != nil {
			return err
		}
	}
	took := time.Since(start)
	memory, err := procField(r.cmd.Process.Pid, "status", "RssAnon:")
	if err != nil {
		return err
	}
	row := tableRow{
		Name: "omg-browse, anonymous memory after all packages were on the screen", Workload: c.on, Unit: "MiB", MeasuredValue: memory / 1024,
		Aim: "under 60 MiB", AimMet: memory/1024 < 60, Note: fmt.Sprintf("%d pages, %.2f ms a page", pages, milliseconds(took)/float64(pages)),
	}
	if c.fzf != nil {
		f, err := c.startOnTerminal(200, 50, c.fzf)
		if err != nil {
			return err
		}
		defer f.stop()
		if _, err := f.await(func(s *emulator.Screen) bool { return c.fzfShows(s, input{fzfFind: c.total}) }); err != nil {
			return err
		}
		memory, err := procField(f.cmd.Process.Pid, "status", "RssAnon:")
		if err != nil {
			return err
		}
		row.PeerName, row.PeerValue = "fzf with the names", memory/1024
	}
	c.add(row)
	return nil
}

// measureIdle measures omg-browse and fzf while no key is pressed.
func (c *browseBench) measureIdle() error {
	lines, shows := c.programs()
	type state struct {
		cpu      time.Duration
		switches float64
	}
	var all []*running
	measure := func() (states []state, err error) {
		for _, r := range all {
			var s state
			if s.cpu, _, err = cpuTime(r.cmd.Process.Pid); err == nil {
				s.switches, err = voluntarySwitches(r.cmd.Process.Pid)
			}
			if err != nil {
				return nil, err
			}
			states = append(states, s)
		}
		return states, nil
	}
	for i, line := range lines {
		r, err := c.startOnTerminal(80, 24, line)
		if err != nil {
			return err
		}
		defer r.stop()
		if _, err := r.await(func(s *emulator.Screen) bool { return shows[i](s, input{found: c.total, fzfFind: c.total}) }); err != nil {
			return err
		}
		all = append(all, r)
	}
	time.Sleep(5 * time.Second)
	before, err := measure()
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	after, err := measure()
	if err != nil {
		return err
	}
	add := func(name, unit, aim string, limit float64, value func(n int) float64) {
		row := tableRow{Name: name, Workload: c.on, Unit: unit, MeasuredValue: value(0), Aim: aim, AimMet: value(0) < limit}
		if len(all) > 1 {
			row.Note = fmt.Sprintf("fzf %s", formatNumber(value(1)))
		}
		c.add(row)
	}
	add("omg-browse idle for a minute", "% of a core", "at most 0.1 %", 0.1, func(n int) float64 {
		return 100 * (after[n].cpu - before[n].cpu).Seconds() / idleTime.Seconds()
	})
	add("omg-browse idle for a minute, voluntary context switches", "a second", "under 2", 2, func(n int) float64 {
		return (after[n].switches - before[n].switches) / idleTime.Seconds()
	})
	return nil
}

// voluntarySwitches returns how often the threads of a process have waited for something.
func voluntarySwitches(pid int) (total float64, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		n, err := procField(pid, "task/"+task.Name()+"/status", "voluntary_ctxt_switches:")
		if err != nil {
			return 0, fmt.Errorf("thread %s of process %s: %w", task.Name(), strconv.Itoa(pid), err)
		}
		total += n
	}
	return total, nil
}
