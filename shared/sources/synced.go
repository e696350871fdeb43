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
	log, err := readLogTail(f, size)
	if err != nil {
		return 0, err
	}
	at, _ := findLastEntry(log, "synchronizing package lists", func([]byte) bool { return true })
	return at, nil
}

// readLogTail returns the end of a log of the given size.
func readLogTail(f io.ReaderAt, size int64) ([]byte, error) {
	from := max(0, size-pacmanLogTailBytes)
	log := make([]byte, size-from)
	n, err := f.ReadAt(log, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return log[:n], nil
}

// findLastEntry searches a log from its end for an entry of pacman with the given text, and returns its time in Unix seconds. It skips an
// entry if the function accepts returns false for the part of the log after the text.
func findLastEntry(log []byte, text string, accepts func(after []byte) bool) (at int64, ok bool) {
	for all := log; ; {
		i := bytes.LastIndex(log, []byte(text))
		if i < 0 {
			return 0, false
		}
		// An example of a line: [2026-01-02T03:04:05+0000] [PACMAN] synchronizing package lists
		line := log[bytes.LastIndexByte(log[:i], '\n')+1 : i]
		if stamp, rest, ok := bytes.Cut(line, []byte("] ")); ok && bytes.HasPrefix(stamp, []byte("[")) && string(rest) == "[PACMAN] " {
			if at, ok := pacmandb.ParseLogTime(string(stamp[1:])); ok && accepts(all[i+len(text):]) {
				return at.Unix(), true
			}
		}
		log = log[:i]
	}
}
