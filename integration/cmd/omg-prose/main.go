// Command omg-prose prints random passages, or names, of the project for a reader who has not seen the code: a passage
// that is not understood at first reading, or a name whose meaning is guessed wrong, has to be rewritten.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// sample is one passage or name.
type sample struct {
	kind  string // kind of passage: comment, text, document or manual; or "name" for an identifier
	place string // file and line
	text  string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "omg-prose: error:", err)
		os.Exit(3)
	}
}

func run() error {
	root := flag.String("root", ".", "the project's `DIR`")
	seed := flag.Uint64("seed", 1, "`NUMBER` that the choice follows from")
	n := flag.Int("n", 60, "how many passages or identifiers to draw")
	names := flag.Bool("names", false, "draw identifiers instead of passages")
	blind := flag.Bool("blind", false, "leave out the file and line of each passage")
	flag.Parse()
	find := passages
	if *names {
		find = identifiers
	}
	all, err := find(*root)
	if err != nil {
		return err
	}
	if len(all) < *n {
		return fmt.Errorf("only %d passages or names were found", len(all))
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:*n]
	slices.SortStableFunc(all, func(a, b sample) int { return strings.Compare(a.kind, b.kind) })
	for i, s := range all {
		place := " " + s.place
		if *blind {
			place = ""
		}
		fmt.Printf("%d. [%s%s]\n%s\n\n", i+1, s.kind, place, s.text)
	}
	return nil
}
