package indexer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/omg-arch/omg/omgd/internal/child"
	"github.com/omg-arch/omg/shared/paths"
)

// Record adds to a journal what happened in the AUR between two dumps, by running omg-index. The parameter old is "" for
// the first dump. Warnings about the journal are logged.
func Record(ctx context.Context, log *slog.Logger, journal, old, now string) error {
	program, err := paths.Program("omg-index")
	if err != nil {
		return err
	}
	args := []string{"journal", "--to", journal, old, now}
	if old == "" {
		args = []string{"journal", "--to", journal, now}
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	stderr, err := child.Run(ctx, child.Spec{Path: program, Args: args})
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "omg-index: warning: "); ok {
			log.Warn("AUR journal", "warning", text)
		}
		if text, ok := strings.CutPrefix(line, "omg-index: error: "); ok && err != nil {
			return errors.New(text)
		}
	}
	if err != nil {
		return fmt.Errorf("omg-index: %w", err)
	}
	return nil
}
