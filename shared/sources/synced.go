package sources

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// pacmanLogTailBytes limits how many bytes at the end of pacman's log are searched. The limit is enough for more than ten thousand
// lines, which usually cover several years.
const pacmanLogTailBytes = 1 << 20

// lastSyncCache caches the time of the last synchronization according to pacman's log. With the cache, a refresh reads the log
// only if the log has changed.
var lastSyncCache struct {
	sync.Mutex
	path  string
	stamp sourcefile.Stamp
	at    int64
}

// cachedLastSync returns the time at which pacman last synchronized its databases according to its log, in Unix seconds. It
// returns 0 if this time is unknown.
func cachedLastSync(log string) int64 {
	f, stamp, err := sourcefile.Open(log)
	if err != nil {
		return 0
	}
	defer f.Close()
	lastSyncCache.Lock()
	defer lastSyncCache.Unlock()
	if lastSyncCache.path != log || lastSyncCache.stamp != stamp {
		at, err := findLastSync(f, stamp.Size)
		if err != nil {
			return 0
		}
		lastSyncCache.path, lastSyncCache.stamp, lastSyncCache.at = log, stamp, at
	}
	return lastSyncCache.at
}

// findLastSync searches a log from its end for the last synchronization, and returns its time in Unix seconds, or 0 if the
// log has none.
func findLastSync(f io.ReaderAt, size int64) (int64, error) {
	const entry = "synchronizing package lists"
	from := max(0, size-pacmanLogTailBytes)
	log := make([]byte, size-from)
	n, err := f.ReadAt(log, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for log = log[:n]; ; {
		i := bytes.LastIndex(log, []byte(entry))
		if i < 0 {
			return 0, nil
		}
		// An example of a line: [2026-01-02T03:04:05+0000] [PACMAN] synchronizing package lists
		line := log[bytes.LastIndexByte(log[:i], '\n')+1 : i]
		if stamp, rest, ok := bytes.Cut(line, []byte("] ")); ok && bytes.HasPrefix(stamp, []byte("[")) && string(rest) == "[PACMAN] " {
			if at, ok := pacmandb.ParseLogTime(string(stamp[1:])); ok {
				return at.Unix(), nil
			}
		}
		log = log[:i]
	}
}
