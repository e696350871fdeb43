// Command omg-scriptlets lists the facts that package scriptlet finds in the scriptlets of a collection of packages, and counts them by
// kind, per 1,000 scriptlets. It shows how many false alarms a rule causes. It runs no scriptlet.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/omg-arch/omg/shared/scriptlet"
)

func main() {
	pattern := flag.String("name", "*.install", "examine the files whose names match `PATTERN`")
	counts := flag.Bool("counts", false, "do not list the facts")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "omg-scriptlets: error: name the directories of the collections")
		os.Exit(2)
	}
	list := io.Writer(os.Stdout)
	if *counts {
		list = io.Discard
	}
	if err := examineAll(list, os.Stdout, flag.Args(), *pattern); err != nil {
		fmt.Fprintln(os.Stderr, "omg-scriptlets: error: "+err.Error())
		os.Exit(3)
	}
}

// tally counts the facts of one kind, and the scriptlets that have at least one.
type tally struct{ facts, files int }

// examineAll examines the scriptlets below the directories, lists the facts, and prints a table of their numbers. Of several equal
// scriptlets, only the first one counts.
func examineAll(list, table io.Writer, dirs []string, pattern string) error {
	out := bufio.NewWriter(list)
	seen, tallies, paths := map[[sha256.Size]byte]bool{}, map[scriptlet.Kind]*tally{}, 0
	for _, kind := range scriptlet.Kinds {
		tallies[kind] = &tally{}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			if matched, err := filepath.Match(pattern, entry.Name()); err != nil || !matched {
				return err
			}
			script, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			paths++
			digest := sha256.Sum256(script)
			if seen[digest] {
				return nil
			}
			seen[digest] = true
			counted := map[scriptlet.Kind]bool{}
			for _, f := range scriptlet.Examine(script, scriptlet.Options{}).Facts {
				fmt.Fprintf(out, "%s:%d: %s: %s: %s\n", path, f.Line, f.Kind, f.Subject, f.Text)
				tallies[f.Kind].facts++
				if !counted[f.Kind] {
					counted[f.Kind] = true
					tallies[f.Kind].files++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(seen) == 0 {
		return errors.New("no file whose name matches " + pattern + " in " + strings.Join(dirs, ", "))
	}
	fmt.Fprintf(out, "%d files, %d of them different\n", paths, len(seen))
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(table, "%-18s %8s %8s %16s\n", "kind", "facts", "files", "per 1,000 files")
	for _, kind := range scriptlet.Kinds {
		t := tallies[kind]
		fmt.Fprintf(table, "%-18s %8d %8d %16.1f\n", kind, t.facts, t.files, 1000*float64(t.files)/float64(len(seen)))
	}
	return nil
}
