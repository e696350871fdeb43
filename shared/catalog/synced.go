package catalog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/pacmandb"
)

const (
	// DefaultLog is pacman's own log.
	DefaultLog = "/var/log/pacman.log"
	// maxLog is how much of the log is searched, from its end: some ten thousand
	// lines, which is years.
	maxLog = 1 << 20
)

// logs remember what the last look at a log found: it is looked at with every
// refresh, and changes with a transaction.
var logs struct {
	sync.Mutex
	path  string
	stamp pacmandb.FileStamp
	at    int64
}

// synced is when pacman last synchronized its databases, in Unix seconds, as its
// log says; 0 if that is not known.
func (r *Repos) synced() int64 {
	if r.log == "" {
		return 0
	}
	f, err := os.OpenFile(r.log, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return 0
	}
	stamp := pacmandb.StampOf(fi)
	logs.Lock()
	defer logs.Unlock()
	if logs.path != r.log || logs.stamp != stamp {
		at, err := lastSynced(f, fi.Size())
		if err != nil {
			return 0
		}
		logs.path, logs.stamp, logs.at = r.log, stamp, at
	}
	return logs.at
}

// lastSynced searches a log from its end.
func lastSynced(f io.ReaderAt, size int64) (int64, error) {
	const said = "synchronizing package lists"
	from := max(0, size-maxLog)
	log := make([]byte, size-from)
	n, err := f.ReadAt(log, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for log = log[:n]; ; {
		i := bytes.LastIndex(log, []byte(said))
		if i < 0 {
			return 0, nil
		}
		// [2026-01-02T03:04:05+0000] [PACMAN] synchronizing package lists
		line := log[bytes.LastIndexByte(log[:i], '\n')+1 : i]
		if stamp, rest, ok := bytes.Cut(line, []byte("] ")); ok && bytes.HasPrefix(stamp, []byte("[")) && string(rest) == "[PACMAN] " {
			if at, ok := logTime(string(stamp[1:])); ok {
				return at, nil
			}
		}
		log = log[:i]
	}
}

// logTime reads the time of a line: with seconds and a zone since pacman 5.2,
// local time without them before.
func logTime(s string) (int64, bool) {
	if at, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
		return at.Unix(), true
	}
	if at, err := time.ParseInLocation("2006-01-02 15:04", s, time.Local); err == nil {
		return at.Unix(), true
	}
	return 0, false
}
