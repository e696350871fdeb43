package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pulled"
)

// publishTurns is the number of pulls and of builds. Each takes seconds.
const publishTurns = 5

// measurePublishing publishes a day, and measures what the next day costs the publisher and a machine that pulls once a day.
func (b *bench) measurePublishing() error {
	dir := filepath.Join(b.dir, "publish")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	conf := filepath.Join(dir, "pacman.conf")
	if err := os.WriteFile(conf, []byte(fixture.PacmanConfig), 0o644); err != nil {
		return err
	}
	const on = "15000 and 100000 of the AUR"
	in := func(name string) string { return filepath.Join(dir, name) }
	index := filepath.Join(b.bin, "omg-index")
	if _, err := run(b.env, index, "keygen", "-W", "-s", in("key"), "-p", in("key.pub")); err != nil {
		return err
	}
	pull := []string{index, "pull", "-p", in("key.pub"), "--data-dir", in("data"), in("published")}
	var took, most float64
	var inputs []string
	for day := range 2 {
		db, dump := in(fmt.Sprint("db", day)), in(fmt.Sprint("aur", day, ".json.gz"))
		err := errors.Join(fixture.WriteDatabases(db, fixture.Options{Packages: 15_000, Seed: 1, Day: day}), writeDumpOfDay(dump, day))
		if err != nil {
			return err
		}
		inputs = []string{"--dbpath", db, "--pacman-config", conf, "--aur", dump}
		took, most, err = b.measureBuildRun(index, "publish", "-s", in("key"), "--out", in("published"), "--dbpath", db, "--pacman-config", conf, "--source", "repositories", "--source", "aur="+dump)
		if err == nil && day == 0 {
			_, err = run(b.env, pull...)
		}
		if err != nil {
			return err
		}
	}
	b.add(tableRow{Name: "omg-index publish, the second day", Workload: on, Unit: "s", MeasuredValue: took / 1000, Aim: "under 20 s", AimMet: took < 20_000})
	b.add(tableRow{Name: "omg-index publish, most memory", Workload: on, Unit: "MiB", MeasuredValue: most, Aim: "under 400 MiB", AimMet: most < 400})
	if err := b.measureDayBytes(on, pull, in); err != nil {
		return err
	}
	var pulls, builds runTimes
	build := append([]string{index, "build", "--data-dir", in("built")}, inputs...)
	for range publishTurns {
		if err := errors.Join(os.RemoveAll(in("data")), os.CopyFS(in("data"), os.DirFS(in("first"))), os.RemoveAll(in("built"))); err != nil {
			return err
		}
		for _, p := range []struct {
			args  []string
			times *runTimes
		}{{pull, &pulls}, {build, &builds}} {
			one, err := run(b.env, p.args...)
			if err != nil {
				return err
			}
			*p.times = append(*p.times, milliseconds(one))
		}
	}
	b.add(newRatioFigure("omg-index pull of a day", on, "omg-index build", pulls, builds, "within 1.3 times", 1/1.3))
	return nil
}

// measureDayBytes compares what a machine receives after a day with what it has received before, and with the databases. It keeps a copy of what was
// pulled the day before in the directory first.
func (b *bench) measureDayBytes(on string, pull []string, in func(name string) string) error {
	if err := os.CopyFS(in("first"), os.DirFS(in("data"))); err != nil {
		return err
	}
	received := func() (float64, error) {
		s, err := pulled.Read(pulled.Dir(in("data")), func(uint32) bool { return true })
		if err != nil {
			return 0, err
		}
		return float64(s.Bytes) / 1e6, nil
	}
	whole, err := received()
	if err != nil {
		return err
	}
	if _, err := run(b.env, pull...); err != nil {
		return err
	}
	all, err := received()
	if err != nil {
		return err
	}
	databases, err := filepath.Glob(in("db1/sync/*.db"))
	if err != nil {
		return err
	}
	size := int64(0)
	for _, path := range append(databases, in("aur1.json.gz")) {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		size += fi.Size()
	}
	day := all - whole
	b.add(tableRow{
		Name: "received by a pull after a day", Workload: on, Unit: "MB", MeasuredValue: day, Aim: "under 5 % of the first pull", AimMet: day < whole/20,
		Note: fmt.Sprintf("%.1f %% of the first pull, %.1f MB; the databases and the dump have %.1f MB", 100*day/whole, whole, float64(size)/1e6),
	})
	return nil
}

// writeDumpOfDay writes the dump of the AUR on a day, with the modification time of that day.
func writeDumpOfDay(path string, day int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	at := time.Now().AddDate(0, 0, day-2)
	return errors.Join(fixture.WriteAURDumpOfDay(f, aurPackageCount, 1, day), f.Close(), os.Chtimes(path, at, at))
}
