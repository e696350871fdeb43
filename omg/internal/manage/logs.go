package manage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
)

// journalDirs lists the directories in which systemd's journal stores its files.
var journalDirs = []string{"/run/log/journal", "/var/log/journal"}

// syslogPaths lists the files to which syslog daemons write.
var syslogPaths = []string{"/var/log/daemon.log", "/var/log/syslog", "/var/log/messages", "/var/log/everything.log"}

var (
	// ErrNoLog means that omg found no log that contains messages of omgd.
	ErrNoLog = errors.New("no log of omgd found")
	// ErrNoEntries means that systemd's journal contains no messages of omgd.
	ErrNoEntries = errors.New("systemd's journal has no messages of omgd: omg daemon status shows whether it is running")
)

// Logs prints the last lines that the user's daemons have logged. It reads systemd's journal or, if there is no such
// journal, the files of syslog. If follow is true, this process becomes journalctl, which also prints new lines until it is
// interrupted; Logs then returns only on errors. Only systemd's journal allows this.
func (d *Daemon) Logs(ctx context.Context, w io.Writer, lines int, follow bool) (code int, err error) {
	for _, dir := range journalDirs {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		return d.printJournal(ctx, lines, follow)
	}
	if follow {
		return 0, errors.New("--follow needs systemd's journal, which is missing")
	}
	var unread []string
	for _, path := range syslogPaths {
		last, err := lastMatchingLines(path, "omgd[", lines)
		if errors.Is(err, os.ErrPermission) {
			unread = append(unread, path)
		}
		if err != nil || len(last) == 0 {
			continue
		}
		_, err = io.WriteString(w, strings.Join(last, ""))
		return 0, err
	}
	if len(unread) > 0 {
		return 0, fmt.Errorf("%w: you may not read %s", ErrNoLog, strings.Join(unread, ", "))
	}
	return 0, fmt.Errorf("%w: run omgd --foreground to see its messages", ErrNoLog)
}

// printJournal prints the last lines that omgd has written to systemd's journal.
func (d *Daemon) printJournal(ctx context.Context, lines int, follow bool) (code int, err error) {
	journalctl := func(lines int, more ...string) []string {
		args := append([]string{"journalctl", "--quiet", "--lines", strconv.Itoa(lines)}, more...)
		return append(args, "SYSLOG_IDENTIFIER=omgd", "_UID="+strconv.Itoa(d.Env.UID))
	}
	if follow {
		return 0, execTool(journalctl(lines, "--follow")...)
	}
	prints, code, err := toolPrints(ctx, journalctl(1)...)
	switch {
	case code != 0 || err != nil:
		return code, err
	case !prints:
		return 0, ErrNoEntries
	}
	return runTool(ctx, journalctl(lines)...)
}

// maxLineBytes is the length of the longest log line that is read, in bytes.
const maxLineBytes = 1 << 20

// lastMatchingLines searches a file for lines that contain the given text, and returns the last n of these lines.
func lastMatchingLines(path, text string, n int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var last []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLineBytes)
	for s.Scan() {
		if !strings.Contains(s.Text(), text) {
			continue
		}
		if len(last) == n {
			last = last[1:]
		}
		last = append(last, termtext.Clean(s.Text())+"\n")
	}
	return last, s.Err()
}
