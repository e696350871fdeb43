package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
)

// The fleet that is asked, and how often.
const (
	fleetHosts    = 10_000
	fleetPackages = 1200 // of each host
	fleetTurns    = 5
)

// measureFleet measures a question about the inventories of many hosts, beside zstd, which only decompresses the files. zstd runs once for
// each processor, because omg-fleet uses all of them.
func (b *bench) measureFleet() error {
	dir := filepath.Join(b.dir, "fleet")
	o := fixture.InventoryOptions{Hosts: fleetHosts, Packages: fleetPackages, Seed: 1, At: time.Now().Unix()}
	if err := errors.Join(os.Mkdir(dir, 0o755), fixture.WriteInventories(dir, o)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.zst"))
	if err != nil {
		return err
	}
	on := fmt.Sprintf("%d hosts with %d packages", fleetHosts, fleetPackages)
	ask := []string{filepath.Join(b.bin, "omg-fleet"), "--from", dir, "has", "xz"}
	unpack := []string{"sh", "-c", `find "$1" -name '*.zst' -print0 | xargs -0 -n 500 -P "$(nproc)" zstd -dc`, "sh", dir}
	const peer = "zstd -dc on all processors"
	times, err := runAlternately(fleetTurns, b.env, ask, unpack)
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg-fleet --from DIR has xz", on, peer, times[0], times[1], "within 4 times", 1/4.0))
	cold, err := runWithoutPages(files, b.env, ask, unpack)
	if err != nil {
		return err
	}
	f := newRatioFigure("omg-fleet --from DIR has xz, pages dropped", on, peer, cold[0], cold[1], "under 5 s", 0)
	f.AimMet = f.MeasuredValue < 5000
	b.add(f)
	_, most, err := b.measureBuildRun(ask...)
	if err != nil {
		return err
	}
	b.add(tableRow{Name: "omg-fleet --from DIR has xz, most memory", Workload: on, Unit: "MiB", MeasuredValue: most, Aim: "under 32 MiB", AimMet: most < 32})
	return nil
}

// runWithoutPages is like runAlternately, but the kernel has forgotten the pages of the files before each run.
func runWithoutPages(files, env []string, programs ...[]string) ([]runTimes, error) {
	out := make([]runTimes, len(programs))
	for range fleetTurns {
		for i, p := range programs {
			for _, path := range files {
				if err := dropPages(path); err != nil {
					return nil, err
				}
			}
			took, err := run(env, p...)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], milliseconds(took))
		}
	}
	return out, nil
}
