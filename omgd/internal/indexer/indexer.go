// Package indexer builds index files by running omg-index. A separate process keeps the memory of the build
// out of the daemon's heap; the process is killed when the daemon ends. omg-index writes the index to a
// memory file of the daemon, and so needs no directory. The daemon then writes the index to disk.
package indexer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/child"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
)

const timeout = 10 * time.Minute // a build with a million packages takes seconds

// Image is an index in memory.
type Image struct{ memoryFile *os.File }

// Build builds an index. The parameter source has the arguments that select the source of the index, such as
// --db and a path. They are passed to the command `omg-index build`.
func Build(ctx context.Context, source ...string) (*Image, error) {
	fd, err := unix.MemfdCreate("omg-index", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	image := &Image{os.NewFile(uintptr(fd), "index")}
	if _, err := runOmgIndex(ctx, image.memoryFile, append([]string{"build", "-o", "-"}, source...)...); err != nil {
		image.Close()
		return nil, err
	}
	return image, nil
}

// BuildRepository builds the index of a repository's database, with the shares of machines in the file at the path popularity, unless it is
// "". If that fails, it builds the index without the shares, because nothing but the order of results depends on them.
func BuildRepository(ctx context.Context, log *slog.Logger, database, popularity string) (*Image, error) {
	if popularity != "" {
		image, err := Build(ctx, "--db", database, "--popularity", popularity)
		if err == nil || ctx.Err() != nil {
			return image, err
		}
		log.Warn("index not built with the shares of machines", "database", database, "err", err)
	}
	return Build(ctx, "--db", database)
}

// runOmgIndex runs omg-index, and returns the warnings that it printed. If omg-index fails, the error is the one that it printed.
func runOmgIndex(ctx context.Context, stdout *os.File, args ...string) (warnings []string, err error) {
	return runWithEnvironment(ctx, nil, stdout, args...)
}

// runWithEnvironment does what runOmgIndex does, with environment variables.
func runWithEnvironment(ctx context.Context, env []string, stdout *os.File, args ...string) (warnings []string, err error) {
	program, err := paths.ProgramPath("omg-index")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stderr, err := child.Run(ctx, child.Spec{Path: program, Args: args, Env: env, StdoutFile: stdout, MaxMemory: child.MaxIndexMemory})
	printed := ""
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if warning, ok := strings.CutPrefix(line, "omg-index: warning: "); ok {
			warnings = append(warnings, warning)
		} else if printed == "" {
			printed = strings.TrimPrefix(line, "omg-index: error: ")
		}
	}
	switch {
	case err == nil:
		return warnings, nil
	case printed != "" && !errors.Is(err, child.ErrMemory):
		return warnings, errors.New(printed)
	}
	return warnings, fmt.Errorf("omg-index: %w", err)
}

// Open maps the image as an index file. The mapping stays valid after the image is closed.
func (i *Image) Open() (*pkgindex.File, error) { return pkgindex.OpenFromFile(i.memoryFile) }

// FilesImage is an index of file lists in memory.
type FilesImage struct{ *Image }

// Open maps the image as an index of file lists, as Image.Open does.
func (i FilesImage) Open() (*filesindex.File, error) { return filesindex.OpenFromFile(i.memoryFile) }

// Write writes the image to a file, and makes the file's directory if it does not exist.
func (i *Image) Write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		if err := os.Remove(path); err != nil { // an index is a regular file: remove a link, a pipe and the like
			return err
		}
	}
	return atomicfile.WriteTo(path, atomicfile.Options{Mode: 0o644, Sync: true}, func(f *atomicfile.File) error {
		fi, err := i.memoryFile.Stat()
		if err != nil {
			return err
		}
		_, err = io.Copy(f, io.NewSectionReader(i.memoryFile, 0, fi.Size()))
		return err
	})
}

// Close frees the memory of the image, unless the image is still mapped.
func (i *Image) Close() { _ = i.memoryFile.Close() }
