package pacmandb

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of pacman's log.
const (
	// maxLogLine is the length of a line in bytes. A longer line is skipped.
	maxLogLine = 64 << 10
	// maxLogBytes is the decompressed size of one file.
	maxLogBytes = 1 << 30
	maxLogFiles = 1000
	// maxLogName is the length of a name or a version in bytes. Both are parts of the name of a file.
	maxLogName    = 255
	maxLogCommand = 4 << 10
	// maxLogChanges is the number of changes of one transaction. Further changes are left out.
	maxLogChanges = 100_000
)

// What pacman did with a package, in the words of its log.
const (
	LogInstalled   = "installed"
	LogReinstalled = "reinstalled"
	LogUpgraded    = "upgraded"
	LogDowngraded  = "downgraded"
	LogRemoved     = "removed"
)

// LogChange is a change of a package in pacman's log. Old and New are versions; Old is empty for an installed package, New for a removed
// one.
type LogChange struct{ Action, Name, Old, New string }

// LogTransaction is a transaction in pacman's log.
type LogTransaction struct {
	// Began and Ended are the times of its first and its last line. Their location has the offset in the log.
	Began, Ended time.Time
	// Command is the command line of pacman; empty if the log does not contain it.
	Command string
	// IsFullUpgrade means that pacman upgraded all packages.
	IsFullUpgrade bool
	// Result is "completed", "interrupted" or "failed"; empty if the log does not contain it.
	Result  string
	Changes []LogChange
}

// LogReader reads the transactions in files of pacman's log.
type LogReader struct {
	// Visit is called for each transaction with changes, in the order of the log. The transaction may be kept.
	Visit func(*LogTransaction) error
	// LeftOutCount is the number of pacman's lines that were left out: their date is impossible, or their transaction has too many changes.
	LeftOutCount int

	next LogTransaction // Command and IsFullUpgrade of the transaction that follows
	// open is the current transaction; nil between transactions. Earlier versions of pacman did not log where a transaction begins and
	// ends: then it consists of the changes up to the next command.
	open *LogTransaction
	// isMarked means that the log says where the current transaction begins.
	isMarked bool
}

// ReadFile reads a file, which may be compressed. If it is damaged, the transactions before the damage are read.
func (r *LogReader) ReadFile(ctx context.Context, path string) error {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content, _, err := decompress(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer content.Close()
	if err := r.read(ctx, content); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (r *LogReader) read(ctx context.Context, content io.Reader) error {
	limited := &io.LimitedReader{R: content, N: maxLogBytes}
	in := bufio.NewReaderSize(limited, maxLogLine)
	for skipping := false; ; {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			skipping = true
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return convertStreamError(err)
		}
		if !skipping {
			if err := r.handleLine(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		skipping = false
		switch {
		case err != nil && limited.N == 0:
			return fmt.Errorf("%w: larger than %d MiB", sourcefile.ErrOversize, maxLogBytes>>20)
		case err != nil:
			return ctx.Err()
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// Finish passes the last transaction to Visit.
func (r *LogReader) Finish() error { return r.endTransaction() }

// handleLine handles a line such as "[2026-01-02T03:04:05+0000] [ALPM] installed bash (5.2-1)". Before pacman 4.2 there was no word in
// the second pair of brackets, and the output of scriptlets looked like pacman's own lines.
func (r *LogReader) handleLine(line []byte) error {
	stamp, rest, ok := bytes.Cut(line, []byte("] "))
	if !ok || len(stamp) == 0 || stamp[0] != '[' || len(stamp) > 40 {
		return nil // the output of a scriptlet may have several lines
	}
	var tag []byte
	if bytes.HasPrefix(rest, []byte("[")) {
		if tag, rest, ok = bytes.Cut(rest[1:], []byte("] ")); !ok {
			return nil
		}
	}
	isOld := tag == nil
	if !isOld && string(tag) != "ALPM" && string(tag) != "PACMAN" {
		return nil
	}
	text := string(rest)
	if isOld && len(stamp) > len("[2006-01-02 15:04") {
		return nil // a line with a time zone has always had a word in brackets
	}
	at, ok := ParseLogTime(string(stamp[1:]))
	if !ok {
		if logDatePattern.Match(stamp) { // otherwise it is the output of a scriptlet
			r.LeftOutCount++
		}
		return nil
	}
	if isOld || string(tag) == "PACMAN" {
		if isCommand, err := r.handlePacmanLine(text); isCommand || err != nil {
			return err
		}
	}
	if isOld || string(tag) == "ALPM" {
		return r.handleLibraryLine(at, text)
	}
	return nil
}

// handlePacmanLine handles a line that says what pacman does. It reports whether it is such a line.
func (r *LogReader) handlePacmanLine(text string) (isCommand bool, err error) {
	command, isRun := strings.CutPrefix(text, "Running '")
	isUpgrade := text == "starting full system upgrade"
	if !isRun && !isUpgrade && text != "synchronizing package lists" {
		return false, nil
	}
	if !r.isMarked { // otherwise another pacman has begun, which waits or fails because of the lock
		if err := r.endTransaction(); err != nil {
			return true, err
		}
	}
	if isRun {
		command = strings.TrimSuffix(command, "'")
		r.next = LogTransaction{Command: command[:min(len(command), maxLogCommand)]}
	}
	r.next.IsFullUpgrade = r.next.IsFullUpgrade || isUpgrade
	return true, nil
}

// handleLibraryLine handles a line of libalpm.
func (r *LogReader) handleLibraryLine(at time.Time, text string) error {
	if result, ok := strings.CutPrefix(text, "transaction "); ok {
		switch result {
		case "started":
			if err := r.endTransaction(); err != nil {
				return err
			}
			r.beginTransaction(at)
			r.isMarked = true
		case "completed", "interrupted", "failed":
			if r.open != nil {
				r.open.Result, r.open.Ended = result, at
				return r.endTransaction()
			}
		}
		return nil
	}
	change, ok := parseLogChange(text)
	if !ok {
		return nil
	}
	if r.open == nil {
		r.beginTransaction(at)
	}
	r.open.Ended = at
	if len(r.open.Changes) == maxLogChanges {
		r.LeftOutCount++
		return nil
	}
	r.open.Changes = append(r.open.Changes, change)
	return nil
}

func (r *LogReader) beginTransaction(at time.Time) {
	r.open = &LogTransaction{Began: at, Ended: at, Command: r.next.Command, IsFullUpgrade: r.next.IsFullUpgrade}
	r.next = LogTransaction{} // another program that uses libalpm may follow, and does not log its command line
}

// endTransaction passes the current transaction to Visit. A transaction that failed before its first change is left out.
func (r *LogReader) endTransaction() error {
	ended := r.open
	r.open, r.isMarked = nil, false
	if ended == nil || len(ended.Changes) == 0 {
		return nil
	}
	return r.Visit(ended)
}

// parseLogChange parses a text such as "upgraded bash (5.1-1 -> 5.2-1)".
func parseLogChange(text string) (c LogChange, ok bool) {
	action, rest, _ := strings.Cut(text, " ")
	name, versions, _ := strings.Cut(rest, " (")
	versions, ok = strings.CutSuffix(versions, ")")
	if !ok || name == "" || len(name) > maxLogName || len(versions) > 2*maxLogName+4 || strings.Contains(name, " ") {
		return c, false
	}
	old, new, hasBoth := strings.Cut(versions, " -> ")
	c = LogChange{Action: action, Name: name}
	switch action {
	case LogInstalled:
		c.New = versions
	case LogRemoved:
		c.Old = versions
	case LogReinstalled:
		c.Old, c.New = versions, versions
	case LogUpgraded, LogDowngraded:
		c.Old, c.New = old, new
		return c, hasBoth
	default:
		return c, false
	}
	return c, !hasBoth
}

// logDatePattern matches the beginning of a line of pacman, also if its date is impossible.
var logDatePattern = regexp.MustCompile(`^\[[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}`)

// ParseLogTime parses the time of a line in pacman's log. Since pacman 5.2, the time has seconds and a time zone; before, it was a local
// time without seconds.
func ParseLogTime(s string) (time.Time, bool) {
	if at, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
		return at, true
	}
	if at, err := time.ParseInLocation("2006-01-02 15:04", s, time.Local); err == nil {
		return at, true
	}
	return time.Time{}, false
}

// rotatedLogPattern matches the end of the name of a rotated log: a number, or a date with or without a time, and the compression.
var rotatedLogPattern = regexp.MustCompile(`^[.-]([0-9]{1,14})(-[0-9]{1,14})?(\.(gz|xz|zst|bz2|lz4|lzma|Z))?$`)

// LogFiles returns the files of pacman's log, the oldest first: the rotated ones beside it that logrotate has named with a date or a
// number, and the log itself. If only a rotated log exists, the log itself is left out.
func LogFiles(path string) ([]string, error) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	type rotated struct {
		name         string
		date, number uint64 // one of them is 0
	}
	var list []rotated
	exists := false
	for _, e := range entries {
		end, ok := strings.CutPrefix(e.Name(), base)
		if !ok {
			continue
		}
		if exists = exists || end == ""; end == "" {
			continue
		}
		m := rotatedLogPattern.FindStringSubmatch(end)
		if m == nil {
			continue
		}
		r := rotated{name: e.Name()}
		n, err := strconv.ParseUint(m[1], 10, 64)
		if err != nil {
			continue
		}
		if len(m[1]) >= len("200601") {
			r.date = n
		} else {
			r.number = n
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b rotated) int {
		switch {
		case (a.date == 0) != (b.date == 0):
			if a.date == 0 {
				return 1 // the numbered files are later than those with a date
			}
			return -1
		case a.date != b.date:
			return cmp.Compare(a.date, b.date)
		case a.number != b.number:
			return cmp.Compare(b.number, a.number)
		}
		return strings.Compare(a.name, b.name)
	})
	if len(list) > maxLogFiles {
		return nil, fmt.Errorf("%s has more than %d rotated files", path, maxLogFiles)
	}
	files := make([]string, 0, len(list)+1)
	for _, r := range list {
		files = append(files, filepath.Join(dir, r.name))
	}
	if exists || len(files) == 0 {
		files = append(files, path)
	}
	return files, nil
}
