package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// splitIndexPackages is the number of packages for which five index files are compared with one.
const splitIndexPackages = 15_000

// splitIndexRepoNames are the names of the five repositories that contain splitIndexPackages packages.
var splitIndexRepoNames = []string{"a", "b", "c", "d", "e"}

// measureSplitIndex compares five index files, one for each repository, with one index file for all five. It measures searches in
// this process and complete runs of omg.
func (b *bench) measureSplitIndex() error {
	w, err := b.newGeneratedSystem(splitIndexPackages)
	if err != nil {
		return err
	}
	if w.conf, err = b.writePacmanConf(splitIndexRepoNames...); err != nil {
		return err
	}
	dir := filepath.Dir(w.db)
	one, five := filepath.Join(dir, "one"), filepath.Join(dir, "five")
	if err := errors.Join(os.Mkdir(one, 0o755), os.Mkdir(five, 0o755), writeWholeAndSplitIndex(one, five)); err != nil {
		return err
	}
	queries := fixture.GenerateQueries(w.fixtureOptions, 4000)
	var times [2]runTimes
	for i, dir := range []string{one, five} {
		s, closeAll, err := openSnapshot(dir)
		if err != nil {
			return err
		}
		times[i], err = replyTimes(s, queries)
		closeAll()
		if err != nil {
			return err
		}
	}
	on := fmt.Sprintf("%d packages, five files", splitIndexPackages)
	for _, q := range []struct {
		name string
		at   float64
		most float64
	}{{"p50", 0.5, 3}, {"p99", 0.99, 1.7}} {
		f := tableRow{
			Name: "reply to a search of 1 to 100 hits, " + q.name, Workload: on, Unit: "µs", PeerName: "one file",
			MeasuredValue: times[1].quantile(q.at), PeerValue: times[0].quantile(q.at), Aim: fmt.Sprintf("at most %v times", q.most),
		}
		f.AimMet = f.MeasuredValue <= q.most*f.PeerValue
		b.add(f)
	}
	direct := func(dir string) []string {
		return []string{filepath.Join(b.bin, "omg"), "--no-daemon", "--index", dir, "--dbpath", w.db, "--pacman-config", w.conf, "search", "firefox"}
	}
	whole, err := runAlternately(b.runsPerProgram, b.env, direct(five), direct(one))
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg search firefox without omgd", on, "one file", whole[0], whole[1], "within 1.05 times", 1/1.05))
	return b.measureSplitIndexDaemon(w, on, one, five)
}

// measureSplitIndexDaemon compares complete runs of omg with a daemon, which serves either five index files or one.
func (b *bench) measureSplitIndexDaemon(w *testSystem, on, one, five string) error {
	var commands [2][]string
	for i, dir := range []string{five, one} {
		served := &testSystem{name: on, db: w.db, conf: w.conf, dataDir: dir}
		if err := b.startDaemon(served, "--index", dir); err != nil {
			return err
		}
		defer served.stop()
		commands[i] = b.omgCommand(served, "search", "firefox")
	}
	time.Sleep(daemonSettleTime)
	times, err := runAlternately(b.runsPerProgram, b.env, commands[0], commands[1])
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg search firefox", on, "one file", times[0], times[1], "within 1.05 times", 1/1.05))
	return nil
}

// writeWholeAndSplitIndex writes the same packages, in five repositories, as one index file and as five.
func writeWholeAndSplitIndex(one, five string) error {
	names := splitIndexRepoNames
	all := pkgindex.NewBuilder("omg-bench", 0)
	var together, apart []*pkgindex.SourceBuilder
	var builders []*pkgindex.Builder
	for i, name := range names {
		together = append(together, all.AddSource(name, pkgindex.KindRepo))
		builders = append(builders, pkgindex.NewBuilder("omg-bench", 0))
		apart = append(apart, builders[i].AddSource(name, pkgindex.KindRepo))
	}
	i := 0
	for p := range fixture.GeneratePackages(fixture.Options{Packages: splitIndexPackages, Seed: 1}) {
		at := i % len(names)
		i++
		p.Repo = names[at]
		if err := errors.Join(together[at].Add(&p), apart[at].Add(&p)); err != nil {
			return err
		}
	}
	err := all.WriteFile(filepath.Join(one, "all.omgidx"))
	for i, name := range names {
		err = errors.Join(err, builders[i].WriteFile(sources.IndexPath(five, pkgindex.KindRepo, name)))
	}
	return err
}

// openSnapshot builds a snapshot from the index files in a directory.
func openSnapshot(dir string) (s *snapshot.Snapshot, closeAll func(), err error) {
	paths, err := sources.IndexFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	var files []*pkgindex.File
	closeAll = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	var in snapshot.Inputs
	for _, path := range paths {
		f, err := pkgindex.Open(path, nil)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		files = append(files, f)
		for _, source := range f.IndexInfo().Sources {
			found := snapshot.IndexedSource{Source: wire.Source{Name: source.Name, State: wire.SourceOK}, Index: f, Usage: pacmandb.UsageAll}
			if source.Kind == pkgindex.KindAUR {
				in.AUR = &found
			} else {
				in.Repositories = append(in.Repositories, found)
			}
		}
	}
	return snapshot.Build(in), closeAll, nil
}

// replyTimes returns, for each query that has 1 to 100 hits, the time in microseconds to search and to encode the
// reply.
func replyTimes(s *snapshot.Snapshot, queries []string) (times runTimes, err error) {
	encoder := answers.New(s)
	nowhere := func([]byte, bool) error { return nil }
	for _, words := range queries {
		r := &wire.SearchRequest{Words: strings.Fields(words)}
		if found, err := s.Search(r); err != nil {
			return nil, err
		} else if found.Total == 0 || found.Total > 100 {
			continue
		}
		best := math.Inf(1) // the fastest of three runs, to exclude the effect of other programs
		for range 3 {
			start := time.Now()
			if err := encoder.Search(r, nowhere); err != nil {
				return nil, err
			}
			best = min(best, float64(time.Since(start).Nanoseconds())/1e3)
		}
		if times = append(times, best); len(times) == 1000 {
			break
		}
	}
	if len(times) < 500 {
		return nil, fmt.Errorf("only %d queries have 1 to 100 hits", len(times))
	}
	return times, nil
}
