// Command omg-inventories writes the inventories of simulated hosts into a directory, to measure omg-fleet.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
)

func main() {
	hosts := flag.Int("hosts", 10_000, "number of `HOSTS`")
	packages := flag.Int("packages", 1200, "number of `PACKAGES` of each host")
	seed := flag.Uint64("seed", 1, "`SEED` of the random numbers")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "omg-inventories: error: name one directory")
		os.Exit(2)
	}
	err := os.MkdirAll(flag.Arg(0), 0o755)
	if err == nil {
		err = fixture.WriteInventories(flag.Arg(0), fixture.InventoryOptions{Hosts: *hosts, Packages: *packages, Seed: *seed, At: time.Now().Unix()})
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "omg-inventories: error: %v\n", err)
		os.Exit(3)
	}
}
