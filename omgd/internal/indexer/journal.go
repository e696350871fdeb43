package indexer

import (
	"context"
	"log/slog"
)

// RecordJournal adds to a journal what happened in the AUR between two dumps, by running omg-index. The parameter old is "" for
// the first dump. Warnings about the journal are logged.
func RecordJournal(ctx context.Context, log *slog.Logger, journal, old, now string) error {
	args := []string{"journal", "--to", journal, old, now}
	if old == "" {
		args = []string{"journal", "--to", journal, now}
	}
	warnings, err := runOmgIndex(ctx, nil, args...)
	for _, warning := range warnings {
		log.Warn("AUR journal", "warning", warning)
	}
	return err
}
