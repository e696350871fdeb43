package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/termtext"
)

// schema is the version of omg-index's JSON output. It changes by the same rules as the schema of omg's JSON output.
const schema = 1

// fileArgHelp is the paragraph of the help that describes the argument FILE and its default.
const fileArgHelp = "FILE may be a directory with indexes. Without FILE, the indexes in the data directory\nare read.\n\n"

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:        "info",
		Usage:       "show what an index was built from",
		ArgsUsage:   "[FILE...]",
		Description: fileArgHelp + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action:      printInfo,
	}
}

func printInfo(c *cli.Context) error {
	w := bufio.NewWriter(c.App.Writer)
	files := func(f *filesindex.File) error { return printFilesInfo(w, f, c.Bool("json")) }
	return flushOutput(w, eachIndex(c, indexHandler{files: files, packages: func(f *pkgindex.File) error {
		facts := f.IndexInfo()
		if c.Bool("json") {
			return writeJSON(w, struct {
				Schema   int    `json:"schema"`
				Format   int    `json:"format"`
				Bytes    int64  `json:"bytes"`
				Packages uint32 `json:"packages"`
				*pkgindex.IndexInfo
			}{schema, pkgindex.FormatVersion, f.Size(), f.DocCount(), facts})
		}
		fmt.Fprintf(w, "File:     %s\n", termtext.Clean(f.Path()))
		fmt.Fprintf(w, "Format:   %d\n", pkgindex.FormatVersion)
		fmt.Fprintf(w, "Builder:  %s\n", termtext.Clean(facts.Builder))
		fmt.Fprintf(w, "Built:    %s\n", formatTime(facts.BuiltAt))
		fmt.Fprintf(w, "Size:     %d bytes\n", f.Size())
		fmt.Fprintf(w, "Packages: %d\n", f.DocCount())
		for _, s := range facts.Sources {
			fmt.Fprintf(w, "Source:   %s (%s), %d packages, %d bytes, modified %s, SHA-256 %s",
				termtext.Clean(s.Name), termtext.Clean(string(s.Kind)), s.PackageCount, s.FileSize, formatTime(s.AsOf), termtext.Clean(s.SHA256))
			if s.PopularitySHA256 != "" {
				fmt.Fprintf(w, ", popularity SHA-256 %s", termtext.Clean(s.PopularitySHA256))
			}
			fmt.Fprintln(w)
		}
		return nil
	}}))
}

// printFilesInfo prints the facts about an index of files.
func printFilesInfo(w io.Writer, f *filesindex.File, asJSON bool) error {
	facts := f.Info()
	if asJSON {
		return writeJSON(w, struct {
			Schema int   `json:"schema"`
			Format int   `json:"format"`
			Bytes  int64 `json:"bytes"`
			*filesindex.BuildInfo
		}{schema, filesindex.FormatVersion, f.Size(), facts})
	}
	fmt.Fprintf(w, "File:     %s\n", termtext.Clean(f.Path()))
	fmt.Fprintf(w, "Format:   %d, files of packages\n", filesindex.FormatVersion)
	fmt.Fprintf(w, "Builder:  %s\n", termtext.Clean(facts.Builder))
	fmt.Fprintf(w, "Built:    %s\n", formatTime(facts.BuiltAt))
	fmt.Fprintf(w, "Size:     %d bytes\n", f.Size())
	fmt.Fprintf(w, "Packages: %d\n", facts.PackageCount)
	fmt.Fprintf(w, "Paths:    %d\n", facts.PathCount)
	fmt.Fprintf(w, "Source:   %s (files), %d packages, %d bytes, modified %s, SHA-256 %s\n",
		termtext.Clean(facts.Repository), facts.PackageCount, facts.FileSize, formatTime(facts.AsOf), termtext.Clean(facts.SHA256))
	return nil
}

// flushOutput flushes w. It returns err if err is not nil, and otherwise the error that Flush returned.
func flushOutput(w *bufio.Writer, err error) error {
	if failed := w.Flush(); err == nil {
		err = exit.WithCode(exit.Failed, failed)
	}
	return err
}

func formatTime(unix int64) string { return time.Unix(unix, 0).Format(time.RFC3339) }

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check every byte of an index",
		ArgsUsage: "[FILE...]",
		Description: "An index is ok if this omg-index would build the same bytes from the packages in the\n" +
			"index. Not only the checksums are checked, but also the order, text and lists of the\n" +
			"packages. The index is not compared with the database from which it was built.\n\n" + fileArgHelp + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Action: func(c *cli.Context) error {
			return eachIndex(c, indexHandler{
				packages: func(f *pkgindex.File) error {
					if err := f.Verify(); err != nil {
						return fmt.Errorf("%s: %w", f.Path(), err)
					}
					_, err := fmt.Fprintf(c.App.Writer, "%s: %d packages, ok\n", termtext.Clean(f.Path()), f.DocCount())
					return exit.WithCode(exit.Failed, err)
				},
				files: func(f *filesindex.File) error {
					if err := f.Verify(); err != nil {
						return fmt.Errorf("%s: %w", f.Path(), err)
					}
					_, err := fmt.Fprintf(c.App.Writer, "%s: %d packages, %d paths, ok\n", termtext.Clean(f.Path()), f.PackageCount(), f.Info().PathCount)
					return exit.WithCode(exit.Failed, err)
				},
			})
		},
	}
}

func dumpCommand() *cli.Command {
	return &cli.Command{
		Name:      "dump",
		Usage:     "print every package of an index, one JSON object per line",
		ArgsUsage: "[FILE...]",
		Description: "Of an index of files, an object has the paths of a package. Bytes that are not UTF-8 are\n" +
			"replaced by U+FFFD, as in all JSON.\n\n" + fileArgHelp + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Action: func(c *cli.Context) error {
			w := bufio.NewWriterSize(c.App.Writer, 64<<10)
			files := func(f *filesindex.File) error { return dumpFiles(w, f) }
			return flushOutput(w, eachIndex(c, indexHandler{files: files, packages: func(f *pkgindex.File) error {
				for p, err := range f.Packages() {
					if err != nil {
						return fmt.Errorf("%s: %w", f.Path(), err)
					}
					if err := writeJSON(w, p); err != nil {
						return err
					}
				}
				return nil
			}}))
		},
	}
}

// dumpFiles prints each package of an index of files.
func dumpFiles(w io.Writer, f *filesindex.File) error {
	for i := range f.PackageCount() {
		p, err := f.Package(i)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path(), err)
		}
		files := []string{}
		for path, err := range f.Paths(i) {
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path(), err)
			}
			files = append(files, path)
		}
		if err := writeJSON(w, packageFiles{f.Info().Repository, p.Name, p.Version, p.Groups, files}); err != nil {
			return err
		}
	}
	return nil
}

// packageFiles is a package of an index of files, as dump prints it.
type packageFiles struct {
	Repo    string   `json:"repo"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Groups  []string `json:"groups,omitempty"`
	Files   []string `json:"files"`
}

// writeJSON writes v as one line of JSON, and escapes the characters that a terminal could interpret.
func writeJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	if err == nil {
		_, err = w.Write(termtext.AppendSafeJSON(nil, buf.Bytes()))
	}
	return exit.WithCode(exit.Failed, err)
}
