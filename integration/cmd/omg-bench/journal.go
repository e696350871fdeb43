package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/journal"
)

const (
	// changedPackagesOfDay is how many packages of the AUR change on a usual day: 0.6 %.
	changedPackagesOfDay = aurPackageCount * 6 / 1000
	daySeconds           = 24 * 60 * 60
	// checkedPackageCount is how many packages of the AUR a usual machine has.
	checkedPackageCount = 40
)

// measureJournal measures the journal of the AUR: comparing two dumps, and a journal of a year.
func (b *bench) measureJournal() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	old, next := filepath.Join(w.dataDir, "old.json.gz"), filepath.Join(w.dataDir, "new.json.gz")
	if err := writeDump(old, 1); err != nil {
		return err
	}
	if err := writeNextDump(old, next); err != nil {
		return err
	}
	if err := b.measureComparison(w, old, next); err != nil {
		return err
	}
	names, err := namesInDump(next, checkedPackageCount)
	if err != nil {
		return err
	}
	path, err := b.writeJournalOfYear(names)
	if err == nil {
		err = b.measureJournalOfYear(path)
	}
	if err == nil {
		err = b.addToSystem(w, next, names, path)
	}
	if err != nil {
		return err
	}
	return b.measureCheck(w, names)
}

// writeNextDump writes the dump of the next day: some packages were updated, and have another maintainer.
func writeNextDump(old, next string) (err error) {
	in, err := os.Open(old)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.Create(next)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zw, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	const key = `"LastModified":`
	lines, bw := bufio.NewReaderSize(z, 1<<20), bufio.NewWriterSize(zw, 1<<20)
	for n := 0; ; n++ {
		object, err := lines.ReadBytes('}')
		if n%(aurPackageCount/changedPackagesOfDay) == 0 {
			if before, rest, ok := bytes.Cut(object, []byte(key)); ok {
				digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
				modified, err := strconv.ParseInt(string(digits), 10, 64)
				if err != nil {
					return err
				}
				before = bytes.Replace(before, []byte(`"Maintainer":"`), []byte(`"Maintainer":"next-`), 1)
				object = fmt.Appendf(nil, "%s%s%d%s", before, key, modified+daySeconds, rest[len(digits):])
			}
		}
		if _, err := bw.Write(object); err != nil {
			return err
		}
		if err != nil {
			break // the end
		}
	}
	return cmp.Or(bw.Flush(), zw.Close())
}

// measureComparison compares the comparison of two dumps with the build of an index of one of them.
func (b *bench) measureComparison(w *testSystem, old, next string) error {
	var compares, builds runTimes
	most := 0.0
	for turn := range 6 {
		args := []string{filepath.Join(b.bin, "omg-index"), "journal", old, next}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = b.env
		var events bytes.Buffer
		if turn == 0 { // this turn is not measured
			cmd.Stdout = &events
		}
		start := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		peak := watchPeak(cmd.Process.Pid)
		err := cmd.Wait()
		took := milliseconds(time.Since(start))
		most = max(most, peak())
		if err != nil {
			return fmt.Errorf("%q: %w", args, err)
		}
		if n := bytes.Count(events.Bytes(), []byte("\n")); turn == 0 && n < changedPackagesOfDay/2 {
			return fmt.Errorf("%q found only %d events", args, n)
		}
		build, err := run(b.env, b.aurBuildCommand(w, next)...)
		if err != nil {
			return err
		}
		if turn > 0 {
			compares, builds = append(compares, took), append(builds, milliseconds(build))
		}
	}
	on := fmt.Sprintf("2 dumps of %d", aurPackageCount)
	b.add(newRatioFigure("omg-index journal", on, "omg-index build --aur", compares, builds, "within 1.5 times", 1/1.5))
	b.add(tableRow{Name: "omg-index journal, most memory", Workload: on, Unit: "MiB", MeasuredValue: most, Aim: "under 150 MiB", AimMet: most < 150})
	return nil
}

// writeJournalOfYear writes a journal of a year in which each changed package has an event, and returns its path. The given package bases
// have an event each 40 days.
func (b *bench) writeJournalOfYear(names []string) (string, error) {
	path := filepath.Join(b.dir, journal.FileName)
	w, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
	if err != nil {
		return "", err
	}
	at := time.Now().Unix() - 365*daySeconds
	for day := range int64(365) {
		e := &journal.Entry{Observation: journal.Observation{
			Outcome: journal.OutcomeCompared, Source: journal.SourceDump, PackageCount: aurPackageCount,
			Between: journal.Interval{From: at + day*daySeconds, To: at + (day+1)*daySeconds},
		}}
		for i := range int64(changedPackagesOfDay) {
			base := fmt.Sprintf("some-package-base-%d", (day*changedPackagesOfDay+i)*7919%90_000)
			if i == 0 {
				base = names[day%int64(len(names))]
			}
			e.Events = append(e.Events, journal.Event{
				Base: base, Kind: journal.EventMaintainerChanged,
				From: fmt.Sprintf("maintainer%d", i), To: fmt.Sprintf("maintainer%d", i+1), Between: e.Between,
			})
		}
		if err := w.Append(e); err != nil {
			return "", err
		}
	}
	return path, w.Close()
}

// measureJournalOfYear measures the size of a journal of a year, and the time to read it.
func (b *bench) measureJournalOfYear(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	on := fmt.Sprintf("%d events a day", changedPackagesOfDay)
	size := float64(fi.Size()) / 1e6
	b.add(tableRow{Name: "journal of a year", Workload: on, Unit: "MB", MeasuredValue: size, Aim: "under 50 MB", AimMet: size < 50})
	var times runTimes
	for range 20 {
		start := time.Now()
		if _, err := aurcheck.ReadJournal(path, nil, func(*journal.Entry) error { return nil }); err != nil {
			return err
		}
		times = append(times, milliseconds(time.Since(start)))
	}
	b.add(tableRow{
		Name: "journal of a year read", Workload: on, Unit: "ms", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times,
	})
	return nil
}
