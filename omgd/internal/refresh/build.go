package refresh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/omgd/internal/child"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/paths"
)

const buildTimeout = 10 * time.Minute // a million packages take seconds

// buildIndex has an index of the repositories written to out.
func (w *Worker) buildIndex(ctx context.Context, out string) error {
	var args []string
	if w.Catalog.DBPath != "" {
		args = append(args, "--dbpath", w.Catalog.DBPath)
	}
	if w.Catalog.PacmanConfig != "" {
		args = append(args, "--pacman-config", w.Catalog.PacmanConfig)
	}
	return Build(ctx, out, args...)
}

// Build has omg-index write an index to out: a process of its own, so that its
// heap is not ours, which ends when we end. The arguments say of what.
func Build(ctx context.Context, out string, of ...string) error {
	program, err := paths.Program("omg-index")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	// Omg-index writes over no pipe, link or the like; this place is ours.
	if fi, err := os.Lstat(out); err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		if err := os.Remove(out); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	args := append([]string{"build", "-o", out}, of...)
	said, err := child.Run(ctx, child.Spec{Path: program, Args: args})
	if err == nil {
		return nil
	}
	// A builder that was ended cleans up no more.
	catalog.RemoveDead(out)
	if said != "" {
		first, _, _ := strings.Cut(said, "\n")
		return errors.New(strings.TrimPrefix(first, "omg-index: error: "))
	}
	return fmt.Errorf("omg-index: %w", err)
}
