package sources

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// maxRotatedLogs limits how many rotated logs are searched for the last full upgrade, if the log itself has none.
const maxRotatedLogs = 2

// lastUpgradeCache caches the time of the last full upgrade according to pacman's log.
var lastUpgradeCache struct {
	sync.Mutex
	path  string
	stamp sourcefile.Stamp
	at    int64
}

// LastUpgrade returns when the last full upgrade began according to pacman's log, in Unix seconds. An upgrade that did not complete, or
// that found nothing to do, does not count. If the log has no full upgrade, the result is the time of the first entry that was read, since
// which there was none. LastUpgrade returns 0 if neither is known.
func (p *PacmanSetup) LastUpgrade(ctx context.Context) int64 {
	if p.logFile == "" {
		return 0
	}
	f, stamp, err := sourcefile.Open(p.logFile)
	if err != nil {
		return 0
	}
	defer f.Close()
	lastUpgradeCache.Lock()
	defer lastUpgradeCache.Unlock()
	if lastUpgradeCache.path != p.logFile || lastUpgradeCache.stamp != stamp {
		log, err := readLogTail(f, stamp.Size)
		if err != nil {
			return 0
		}
		at, ok := findLastEntry(log, "starting full system upgrade\n", isCompletedNext)
		if !ok {
			if at = lastUpgradeInRotated(ctx, p.logFile); at == 0 {
				at = firstLogTime(log)
			}
		}
		if ctx.Err() != nil {
			return 0
		}
		lastUpgradeCache.path, lastUpgradeCache.stamp, lastUpgradeCache.at = p.logFile, stamp, at
	}
	return lastUpgradeCache.at
}

// isCompletedNext reports whether a part of a log shows that a transaction completed before another pacman was started.
func isCompletedNext(log []byte) bool {
	if next := bytes.Index(log, []byte("] [PACMAN] Running '")); next >= 0 {
		log = log[:next]
	}
	return bytes.Contains(log, []byte("] [ALPM] transaction completed\n"))
}

// lastUpgradeInRotated searches the rotated logs beside a log for the last full upgrade, the latest log first. It returns 0 if they have
// none.
func lastUpgradeInRotated(ctx context.Context, path string) (at int64) {
	files, err := pacmandb.LogFiles(path)
	if err != nil {
		return 0
	}
	files = slices.DeleteFunc(files, func(file string) bool { return file == path })
	for _, file := range slices.Backward(files[max(0, len(files)-maxRotatedLogs):]) {
		reader := &pacmandb.LogReader{Visit: func(t *pacmandb.LogTransaction) error {
			if t.IsFullUpgrade && t.Result == "completed" {
				at = t.Began.Unix()
			}
			return nil
		}}
		_ = reader.ReadFile(ctx, file) // the transactions before the damage in a damaged log count
		_ = reader.Finish()
		if at != 0 {
			return at
		}
	}
	return 0
}

// firstLogTime returns the time of the first entry in a log in Unix seconds, or 0 if no line of its beginning has a time.
func firstLogTime(log []byte) int64 {
	for range 100 {
		line, rest, ok := bytes.Cut(log, []byte("\n"))
		if !ok {
			return 0
		}
		if stamp, _, ok := bytes.Cut(line, []byte("] ")); ok && bytes.HasPrefix(stamp, []byte("[")) {
			if at, ok := pacmandb.ParseLogTime(string(stamp[1:])); ok {
				return at.Unix()
			}
		}
		log = rest
	}
	return 0
}
