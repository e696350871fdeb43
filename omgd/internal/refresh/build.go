package refresh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

const (
	buildTimeout = 10 * time.Minute // a million packages take seconds
	maxOutput    = 64 << 10         // of what the builder prints
)

// buildIndex has omg-index write an index to out: a process of its own, so that
// its heap is not ours, which ends when we end.
func (w *Worker) buildIndex(ctx context.Context, out string) error {
	program, err := paths.Program("omg-index")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	args := []string{"build", "-o", out}
	if w.Catalog.DBPath != "" {
		args = append(args, "--dbpath", w.Catalog.DBPath)
	}
	if w.Catalog.PacmanConfig != "" {
		args = append(args, "--pacman-config", w.Catalog.PacmanConfig)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = time.Second
	var said bounded
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if line := strings.TrimSpace(said.String()); line != "" {
			first, _, _ := strings.Cut(line, "\n")
			return errors.New(strings.TrimPrefix(first, "omg-index: error: "))
		}
		return fmt.Errorf("omg-index: %w", err)
	}
	return nil
}

// bounded keeps the first maxOutput bytes and lets the rest go.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
