package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// Questions about the lists of files of Debian's packages. The literal of the expressions has four letters.
const (
	listedCommand = "rg"
	listedPath    = "usr/share/doc/ripgrep/copyright"
	listedName    = "libreadline.so"
	listedPart    = "pgre"
	listedExpr    = "^usr/bin/.*pgre"
)

// listTurns is the number of runs of each program about lists of files. pacman takes seconds for each run.
const listTurns = 7

// measureLists measures the indexes of the lists of files in the directory of the flag -lists, beside pacman -F.
func (b *bench) measureLists() error {
	if b.listsDB == "" {
		fmt.Fprintln(os.Stderr, "no lists of files: their figures are left out")
		return nil
	}
	w, err := b.newListedSystem()
	if err != nil {
		return err
	}
	lists, closeAll, err := b.measureListBuild(w)
	if err != nil {
		return err
	}
	err = errors.Join(b.measureListRebuild(), b.measureListAnswers(w.name, lists))
	closeAll()
	return errors.Join(err, b.measureColdPath(w), b.measureListRuns(w))
}

// newListedSystem creates a setup with the databases of the directory of the flag -lists, without an index.
func (b *bench) newListedSystem() (*testSystem, error) {
	w := &testSystem{name: "lists of files", db: filepath.Join(b.dir, "lists"), dataDir: filepath.Join(b.dir, "lists-data")}
	databases, err := filepath.Glob(filepath.Join(b.listsDB, "sync", "*.files"))
	if err != nil || len(databases) == 0 {
		return nil, fmt.Errorf("no lists of files in %s/sync", b.listsDB)
	}
	err = errors.Join(os.MkdirAll(filepath.Join(w.db, "sync"), 0o755), os.MkdirAll(filepath.Join(w.db, "local"), 0o755), os.MkdirAll(w.dataDir, 0o755),
		os.WriteFile(filepath.Join(w.db, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	var repos []string
	for _, path := range databases {
		repo := strings.TrimSuffix(filepath.Base(path), ".files")
		repos = append(repos, repo)
		for _, name := range []string{repo + ".files", repo + ".db"} {
			from, absErr := filepath.Abs(filepath.Join(b.listsDB, "sync", name))
			err = errors.Join(err, absErr, os.Symlink(from, filepath.Join(w.db, "sync", name)))
		}
	}
	if err != nil {
		return nil, err
	}
	w.conf, err = b.writePacmanConf(repos...)
	return w, err
}

// measureBuildRun runs omg-index once, and returns its time in ms and its most memory in MiB.
func (b *bench) measureBuildRun(args ...string) (took, most float64, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = b.env
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	return milliseconds(time.Since(start)), peak(), err
}

// measureListBuild builds the indexes, measures time, memory and size, and opens the indexes.
func (b *bench) measureListBuild(w *testSystem) (lists []snapshot.FilesSource, closeAll func(), err error) {
	took, most, err := b.measureBuildRun(b.indexBuildCommand(w, "--files", "--data-dir", w.dataDir)...)
	if err != nil {
		return nil, nil, err
	}
	lists, files, closeAll, err := openListIndexes(w)
	if err != nil {
		return nil, nil, err
	}
	size, pathCount, packages := int64(0), uint64(0), uint32(0)
	for _, f := range files {
		fi, err := os.Stat(f.Path())
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		size, pathCount, packages = size+fi.Size(), pathCount+uint64(f.Info().PathCount), packages+f.Info().PackageCount
	}
	w.name = fmt.Sprintf("%d packages, %d paths", packages, pathCount)
	mb := float64(size) / 1e6
	b.add(tableRow{Name: "omg-index build --files", Workload: w.name, Unit: "s", MeasuredValue: took / 1000, Aim: "under 60 s", AimMet: took < 60_000})
	b.add(tableRow{Name: "omg-index build --files, most memory", Workload: w.name, Unit: "MiB", MeasuredValue: most, Aim: "under 400 MiB", AimMet: most < 400})
	b.add(tableRow{
		Name: "indexes of the lists of files", Workload: w.name, Unit: "MB", MeasuredValue: mb, Aim: "under 110 MB", AimMet: mb < 110,
		Note: fmt.Sprintf("%.1f bytes a path", float64(size)/float64(pathCount)),
	})
	return lists, closeAll, nil
}

// openListIndexes opens the indexes of a setup's lists of files.
func openListIndexes(w *testSystem) (lists []snapshot.FilesSource, files []*filesindex.File, closeAll func(), err error) {
	closeAll = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	names, err := sources.FilesIndexFiles(paths.IndexDir(w.dataDir))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range names {
		f, err := filesindex.Open(name, nil)
		if err != nil {
			closeAll()
			return nil, nil, nil, err
		}
		files = append(files, f)
		e := sources.ExaminedFiles{Source: wire.Source{Name: f.Info().Repository, Kind: wire.KindFiles, State: wire.SourceOK}, Index: f}
		lists = append(lists, e.FilesSource())
	}
	return lists, files, closeAll, nil
}

// measureListRebuild measures the build of one small repository's index, which is what omgd does when its list changes.
func (b *bench) measureListRebuild() error {
	const packages = 300
	db := filepath.Join(b.dir, "small-lists")
	if err := fixture.WriteDatabases(db, fixture.Options{Packages: packages, Seed: 1, FileLists: true}); err != nil {
		return err
	}
	var times runTimes
	for range listTurns {
		args := []string{filepath.Join(b.bin, "omg-index"), "build", "--files", "--db", filepath.Join(db, "sync", "extra.files"), "--output", filepath.Join(db, "extra.files.omgidx")}
		took, _, err := b.measureBuildRun(args...)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	b.add(tableRow{
		Name: "omg-index build --files of one repository", Workload: fmt.Sprintf("%d packages", packages), Unit: "ms", MeasuredValue: times.median(),
		SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times,
	})
	return nil
}

// dropPages makes the kernel forget the pages of a file that no process maps, so that the next access reads them from the disk.
func dropPages(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
}

// measureListAnswers measures answers in this process, as omgd computes them.
func (b *bench) measureListAnswers(on string, lists []snapshot.FilesSource) error {
	s := snapshot.Build(snapshot.Inputs{Files: lists})
	find := func(name string, regex bool) func() (int, error) {
		return func() (n int, err error) {
			_, err = s.FileOwners(&wire.FilesOwnerRequest{Names: []string{name}, Regex: regex}, nil, func(o *wire.FileOwner) error {
				n += len(o.Paths)
				return nil
			})
			return n, err
		}
	}
	for _, q := range []struct {
		name string
		ask  func() (int, error)
		most float64 // in ms; 0 for no aim
	}{
		{"answer to a command", func() (int, error) {
			r, err := s.Commands(&wire.CommandRequest{Names: []string{listedCommand}}, nil)
			if err != nil {
				return 0, err
			}
			return len(r.Commands), nil
		}, 1},
		{"answer to a path", find(listedPath, false), 0},
		{"answer to a name", find(listedName, false), 0},
		{"answer to a part of a name", find(listedPart, true), 20},
		{"answer to a part of a path", find("/"+listedPart, true), 20},
		{"answer to an expression", find(listedExpr, true), 20},
	} {
		var times runTimes
		count := 0
		for range 50 {
			start := time.Now()
			n, err := q.ask()
			if err != nil {
				return err
			}
			count, times = n, append(times, milliseconds(time.Since(start)))
		}
		f := tableRow{
			Name: q.name, Workload: on, Unit: "ms", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times,
			Note: fmt.Sprintf("%d results", count),
		}
		if q.most > 0 {
			f.Aim, f.AimMet = fmt.Sprintf("under %v ms", q.most), times.median() < q.most
		}
		b.add(f)
	}
	return nil
}

// measureColdPath measures the first answer to a path after the kernel has forgotten the indexes, which no process maps.
func (b *bench) measureColdPath(w *testSystem) error {
	var times runTimes
	for range listTurns {
		names, err := sources.FilesIndexFiles(paths.IndexDir(w.dataDir))
		for _, name := range names {
			err = errors.Join(err, dropPages(name))
		}
		if err != nil {
			return err
		}
		lists, _, closeAll, err := openListIndexes(w)
		if err != nil {
			return err
		}
		s := snapshot.Build(snapshot.Inputs{Files: lists})
		start := time.Now()
		_, err = s.FileOwners(&wire.FilesOwnerRequest{Names: []string{listedPath}}, nil, func(*wire.FileOwner) error { return nil })
		times = append(times, milliseconds(time.Since(start)))
		closeAll()
		if err != nil {
			return err
		}
	}
	b.add(tableRow{
		Name: "answer to a path, pages dropped", Workload: w.name, Unit: "ms", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75),
		ours: times, Aim: "under 5 ms", AimMet: times.median() < 5,
	})
	return nil
}

// measureListRuns compares complete runs of omg with an omgd and of pacman -F, and measures by how much the lists increase omgd's memory.
func (b *bench) measureListRuns(w *testSystem) error {
	without := &testSystem{name: w.name, db: filepath.Join(b.dir, "no-lists"), conf: w.conf, dataDir: w.dataDir + "-none"}
	err := errors.Join(os.MkdirAll(filepath.Join(without.db, "sync"), 0o755), os.MkdirAll(without.dataDir, 0o755), os.CopyFS(filepath.Join(without.db, "local"), os.DirFS(filepath.Join(w.db, "local"))))
	databases, _ := filepath.Glob(filepath.Join(w.db, "sync", "*.db"))
	for _, path := range databases {
		err = errors.Join(err, os.Symlink(path, filepath.Join(without.db, "sync", filepath.Base(path))))
	}
	if err != nil {
		return err
	}
	for _, s := range []*testSystem{w, without} {
		if _, err := run(b.env, b.indexBuildCommand(s, "--data-dir", s.dataDir)...); err != nil {
			return err
		}
		if err := b.startDaemon(s); err != nil {
			return err
		}
		defer s.stop()
	}
	time.Sleep(daemonSettleTime)
	questions := []struct{ omg, pacman []string }{
		{[]string{"command", listedCommand}, []string{"-F", listedCommand}},
		{[]string{"owns", "--repos", listedPath}, []string{"-F", listedPath}},
		{[]string{"owns", "--repos", listedName}, []string{"-F", listedName}},
		{[]string{"owns", "--repos", "-x", listedExpr}, []string{"-Fx", listedExpr}},
	}
	for _, q := range questions {
		times, err := runAlternately(listTurns, b.env, b.omgCommand(w, q.omg...), pacmanCommand(w, q.pacman...))
		if err != nil {
			return err
		}
		b.add(newRatioFigure("omg "+strings.Join(q.omg, " "), w.name, "pacman "+q.pacman[0], times[0], times[1], "", 1))
	}
	var memory []float64
	for _, s := range []*testSystem{w, without} {
		now, err := procField(s.omgd.Process.Pid, "status", "RssAnon:")
		if err != nil {
			return err
		}
		memory = append(memory, now/1024)
	}
	grown := memory[0] - memory[1]
	b.add(tableRow{
		Name: "omgd anonymous memory for the lists of files", Workload: w.name, Unit: "MiB", MeasuredValue: grown, Aim: "under 2 MiB", AimMet: grown < 2,
		Note: fmt.Sprintf("%.1f MiB with them, %.1f MiB without", memory[0], memory[1]),
	})
	return nil
}
