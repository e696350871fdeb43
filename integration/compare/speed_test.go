package compare

import (
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
)

// The number of generated packages is about that of Arch's repositories.
const (
	measuredPackages = 15_000
	idleTime         = 30 * time.Second
)

var runs = flag.Int("runs", 20, "with -write, run each command so many times with warm caches, and half as many with cold ones; with 0, keep the last times")

// timedCommand is a command whose times are measured.
type timedCommand struct {
	what string
	argv []string
	// shown is the command as a user would write it.
	shown      string
	warm, cold []float64 // in milliseconds
}

// measure measures how long a search takes, and what omgd costs.
func measure(t *testing.T, w *comparedSystem, m *Measurements) {
	t.Helper()
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: measuredPackages, Installed: 1200, Seed: 1}))
	if os.Getuid() == 0 {
		s = s.AsUser(nobody)
	}
	s.Bin = s.Path("bin") // the kernel starts a copy faster than a file that the linker has just written
	harness.CopyPrograms(t, s.Bin)
	s.BuildIndexes()
	omgd := s.StartDaemon()
	m.Packages, m.Machine = measuredPackages, machine(t)

	database := []string{"--dbpath", s.DB, "--pacman-config", s.PacmanConf}
	noDaemon := append([]string{s.Program("omg"), "--no-daemon"}, database...)
	commands := []*timedCommand{
		{what: "pacman", shown: "pacman -Ss firefox", argv: []string{w.paths["pacman"], "--config", s.PacmanConf, "-b", s.DB, "-Ss", "firefox"}},
		{what: "omg with omgd", shown: "omg search firefox", argv: []string{s.Program("omg"), "--socket", omgd.Socket, "search", "firefox"}},
		{what: "omg with an index, without omgd", shown: "omg --no-daemon search firefox", argv: slices.Concat(noDaemon, []string{"--data-dir", s.Data, "search", "firefox"})},
		{what: "omg with neither index nor omgd", shown: "omg --no-daemon search firefox", argv: slices.Concat(noDaemon, []string{"--data-dir", s.Path("none"), "search", "firefox"})},
	}
	if path := w.paths["yay"]; path != "" {
		commands = append(commands, &timedCommand{what: "yay, only repositories", shown: "yay -Ss --repo firefox", argv: []string{path, "--config", s.PacmanConf, "--dbpath", s.DB, "-Ss", "--repo", "firefox"}})
	}
	for range *runs {
		for _, c := range commands {
			c.warm = append(c.warm, timeRun(s, c.argv))
		}
	}
	for range (*runs + 1) / 2 {
		for _, c := range commands {
			dropFromCache(t, c.argv[0], s.Bin, s.DB, s.Data)
			c.cold = append(c.cold, timeRun(s, c.argv))
		}
	}
	m.Times = nil
	peer := commands[0]
	for _, c := range commands {
		m.Times = append(m.Times, Time{
			What: c.what, Command: c.shown, WarmMS: median(c.warm), ColdMS: median(c.cold),
			WarmFactor: rounded(median(peer.warm) / median(c.warm)), ColdFactor: rounded(median(peer.cold) / median(c.cold)),
		})
	}
	m.Costs = daemonCosts(t, s, omgd)
}

// timeRun runs a command that must succeed, and returns how long it took, in milliseconds.
func timeRun(s *harness.System, argv []string) float64 {
	s.T.Helper()
	cmd := s.Command(argv[0], argv[1:]...)
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	require.NoError(s.T, err, "%q", argv)
	return float64(took.Microseconds()) / 1000
}

// dropFromCache makes the kernel forget files, and all files in directories, unless a process has mapped them.
func dropFromCache(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		require.NoError(t, filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := f.Sync(); err != nil {
				return err
			}
			return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		}))
	}
}

// daemonCosts returns what omgd needs of memory, processor and disk.
func daemonCosts(t *testing.T, s *harness.System, omgd *harness.Daemon) []Costs {
	t.Helper()
	before := processorTime(t, omgd.PID())
	time.Sleep(idleTime)
	used := processorTime(t, omgd.PID()) - before
	status := string(harness.ReadFile(t, fmt.Sprintf("/proc/%d/status", omgd.PID())))
	kib := func(field string) float64 {
		_, rest, found := strings.Cut(status, "\n"+field+":")
		require.True(t, found, field)
		v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		require.NoError(t, err)
		return v / 1024
	}
	var disk int64
	require.NoError(t, filepath.WalkDir(s.Data, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		fi, err := d.Info()
		disk += fi.Size()
		return err
	}))
	return []Costs{
		{"memory of its own, at rest", fmt.Sprintf("%.1f MiB", kib("RssAnon"))},
		{"memory with the mapped files, which the kernel can drop", fmt.Sprintf("%.1f MiB", kib("VmRSS"))},
		{"processor, at rest for 30 seconds", fmt.Sprintf("%.2f %% of a core", 100*used.Seconds()/idleTime.Seconds())},
		{"disk", fmt.Sprintf("%.1f MB", float64(disk)/1e6)},
	}
}

// processorTime returns the processor time that a process has used, from all of its threads.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	var total time.Duration
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	require.NoError(t, err)
	require.NotEmpty(t, tasks)
	for _, path := range tasks {
		nanoseconds, err := strconv.ParseInt(strings.Fields(string(harness.ReadFile(t, path)))[0], 10, 64)
		require.NoError(t, err)
		total += time.Duration(nanoseconds)
	}
	return total
}

// machine describes the machine, and how busy it is.
func machine(t *testing.T) string {
	t.Helper()
	name := "an unknown processor"
	for line := range strings.Lines(string(harness.ReadFile(t, "/proc/cpuinfo"))) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
		}
	}
	load := strings.Fields(string(harness.ReadFile(t, "/proc/loadavg")))[0]
	return fmt.Sprintf("%s, %d cores, load %s", name, runtime.NumCPU(), load)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return rounded(sorted[len(sorted)/2])
}

func rounded(v float64) float64 { return math.Round(v*100) / 100 }
