// Command omg-docs writes the manual pages, the completions, docs/config.md and docs/json.md with package manuals.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omg-arch/omg/integration/manuals"
)

func main() {
	root := flag.String("root", ".", "the project's `DIR`")
	bin := flag.String("bin", "bin", "the `DIR` with the programs")
	flag.Parse()
	if err := write(*root, *bin); err != nil {
		fmt.Fprintln(os.Stderr, "omg-docs: error:", err)
		os.Exit(1)
	}
}

func write(root, bin string) error {
	files, err := manuals.Make(root, bin)
	if err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
