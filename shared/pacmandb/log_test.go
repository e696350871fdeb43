package pacmandb

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// readLog returns the transactions in logs, as lines of text.
func readLog(t *testing.T, logs ...string) (found []string, err error) {
	t.Helper()
	r := &LogReader{Visit: func(tx *LogTransaction) error {
		line := tx.Began.Format("0102T150405-0700") + " " + tx.Ended.Sub(tx.Began).String() + " " + tx.Command + "|" + tx.Result
		if tx.IsFullUpgrade {
			line += "|full"
		}
		parts := []string{line}
		for _, c := range tx.Changes {
			parts = append(parts, fmt.Sprintf("%s %s %s>%s", c.Action, c.Name, c.Old, c.New))
		}
		found = append(found, strings.Join(parts, "|"))
		return nil
	}}
	for _, log := range logs {
		path := filepath.Join(t.TempDir(), "pacman.log")
		require.NoError(t, os.WriteFile(path, []byte(log), 0o644))
		if err := r.ReadFile(t.Context(), path); err != nil {
			return found, err
		}
	}
	return found, r.Finish()
}

func TestLog(t *testing.T) {
	log := `[2026-01-02T03:04:05+0100] [PACMAN] Running 'pacman -Syu'
[2026-01-02T03:04:05+0100] [PACMAN] synchronizing package lists
[2026-01-02T03:04:06+0100] [PACMAN] starting full system upgrade
[2026-01-02T03:05:00+0100] [ALPM] transaction started
[2026-01-02T03:05:01+0100] [PACMAN] Running 'pacman -Sy other'
[2026-01-02T03:05:01+0100] [ALPM] upgraded bash (5.1-1 -> 1:5.2-1)
[2026-01-02T03:05:02+0100] [ALPM-SCRIPTLET] [2026-01-02T03:05:02+0100] [ALPM] installed forged (1-1)
[2026-01-02T03:05:02+0100] [ALPM] downgraded zlib (2-1 -> 1-1)
[2026-01-02T03:05:02+0100] [ALPM] warning: /etc/x installed as /etc/x.pacnew
[2026-01-02T03:05:03+0100] [ALPM] transaction completed
[2026-01-02T03:05:03+0100] [ALPM] running 'hook'...
[2025-01-01T00:00:00+0000] [ALPM] transaction started
[2025-01-01T00:00:00+0000] [ALPM] reinstalled a (1-1)
[2025-01-01T00:00:05+0000] [ALPM] transaction interrupted
[2025-01-01T00:00:06+0000] [ALPM] transaction started
[2025-01-01T00:00:07+0000] [ALPM] transaction failed
[2026-02-02T00:00:00-0530] [ALPM] transaction started
[2026-02-02T00:00:00-0530] [ALPM] removed b (2-1)
[2026-02-02T00:00:09-0530] [ALPM] transaction started
[2026-02-02T00:00:09-0530] [ALPM] installed c (1-1)
`
	found, err := readLog(t, log)
	require.NoError(t, err)
	require.Equal(t, []string{
		"0102T030500+0100 3s pacman -Syu|completed|full|upgraded bash 5.1-1>1:5.2-1|downgraded zlib 2-1>1-1",
		"0101T000000+0000 5s pacman -Sy other|interrupted|reinstalled a 1-1>1-1",
		"0202T000000-0530 0s ||removed b 2-1>", "0202T000009-0530 0s ||installed c >1-1",
	}, found)
	half := len(log) / 2
	half += strings.IndexByte(log[half:], '\n') + 1
	rotated, err := readLog(t, log[:half], log[half:])
	require.NoError(t, err)
	require.Equal(t, found, rotated, "a transaction may span two files")
}

// TestLog_Old checks logs of earlier versions: without time zones, words in brackets and the limits of transactions.
func TestLog_Old(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("", 3600)
	t.Cleanup(func() { time.Local = local })
	found, err := readLog(t, `[2011-01-02 03:04] synchronizing package lists
[2011-01-02 03:04] starting full system upgrade
[2011-01-02 03:05] upgraded bash (4.1-1 -> 4.2-1)
[2011-01-02 03:06] installed x (1-1)
[2011-01-03 03:06] synchronizing package lists
[2011-01-03 03:06] removed x (1-1)
[2013-01-03 03:06] [PACMAN] Running 'pacman -S y'
[2013-01-03 03:07] [ALPM] installed y (1-1)
[2013-01-03 03:07] [ALPM] transaction completed
[2013-01-03T03:07:00+0000] installed forged (1-1)
`)
	require.NoError(t, err)
	require.Equal(t, []string{
		"0102T030500+0100 1m0s ||full|upgraded bash 4.1-1>4.2-1|installed x >1-1", "0103T030600+0100 0s ||removed x 1-1>",
		"0103T030700+0100 0s pacman -S y|completed|installed y >1-1",
	}, found)
}

func TestLog_Hostile(t *testing.T) {
	const at = "[2026-01-02T03:04:05+0000] "
	found, err := readLog(t, strings.Join([]string{
		at + "[ALPM] installed " + strings.Repeat("x", 256) + " (1-1)", at + "[ALPM] installed x (" + strings.Repeat("1", 2000) + ")",
		at + "[ALPM] installed  (1-1)", at + "[ALPM] installed x 1-1", at + "[ALPM] upgraded x (1-1)", at + "[ALPM] installed x (1 -> 2)", at + "[ALPM] installed a b (1)",
		at + "[ALPM] moved x (1-1)", at + "[ALPM", "[", "[]", "] ", at, "[soon] [ALPM] installed x (1-1)", "[" + strings.Repeat("9", 99) + "] [ALPM] installed x (1-1)",
		at + "[ALPM] installed " + strings.Repeat("y", 200_000) + " (1-1)", "\x00\xff\x1b", at + "[ALPM] installed \x1b[31m (1-1\x00)", at + "[PACMAN] Running '" + strings.Repeat("z", 5000) + "'",
		at + "[ALPM] installed last (1-1)", // without a line feed
	}, "\n"))
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "0102T030405+0000 0s ||installed \x1b[31m >1-1\x00", found[0])
	require.Equal(t, "0102T030405+0000 0s "+strings.Repeat("z", 4096)+"||installed last >1-1", found[1])
	many, err := readLog(t, strings.Repeat(at+"[ALPM] installed x (1-1)\n", maxLogChanges+5))
	require.NoError(t, err)
	require.Equal(t, maxLogChanges, strings.Count(many[0], "|installed"))
}

func TestLog_LeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pacman.log")
	for text, want := range map[string]int{
		"[2026-01-02T03:04:05+0000] [ALPM] installed x (1-1)": 0,
		"[2026-02-30T03:04:05+0000] [ALPM] installed x (1-1)": 1,
		"[2026-13-01 03:04] installed x (1-1)":                1,
		"[2026-01-02T25:04:05+0000] [PACMAN] Running 'x'":     1,
		"[2026-02-30T03:04:05+0000] [ALPM-SCRIPTLET] x":       0,
		"[soon] [ALPM] installed x (1-1)":                     0,
		"x":                                                   0,
		strings.Repeat("[2026-01-02T03:04:05+0000] [ALPM] installed x (1-1)\n", maxLogChanges+5): 5,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		r := &LogReader{Visit: func(*LogTransaction) error { return nil }}
		require.NoError(t, r.ReadFile(t.Context(), path))
		require.Equal(t, want, r.LeftOutCount, "%.100s", text)
	}
}

func TestLog_Compressed(t *testing.T) {
	const log = "[2026-01-02T03:04:05+0000] [ALPM] installed x (1-1)\n"
	want, err := readLog(t, log)
	require.NoError(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(log))
	require.NoError(t, z.Close())
	zs, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	for _, text := range []string{packed.String(), string(zs.EncodeAll([]byte(log), nil))} {
		found, err := readLog(t, text)
		require.NoError(t, err)
		require.Equal(t, want, found)
		_, err = readLog(t, text[:len(text)-4])
		require.ErrorIs(t, err, sourcefile.ErrTruncated)
	}
}

func TestLogFiles(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "pacman.log")
	list := func() (names []string) {
		files, err := LogFiles(log)
		require.NoError(t, err)
		for _, f := range files {
			names = append(names, strings.TrimPrefix(f, dir+"/"))
		}
		return names
	}
	require.Equal(t, []string{"pacman.log"}, list(), "the error of a missing log names it")
	for _, name := range []string{
		"pacman.log.1", "pacman.log.2.gz", "pacman.log.10.xz", "pacman.log-20250101.zst", "pacman.log-20241231", "pacman.log-20250101-1735689600.gz", "pacman.log.bak",
		"pacman.log.gz", "pacman.log.1.exe", "other.log.1", "pacman.log-",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	rotated := []string{"pacman.log-20241231", "pacman.log-20250101-1735689600.gz", "pacman.log-20250101.zst", "pacman.log.10.xz", "pacman.log.2.gz", "pacman.log.1"}
	require.Equal(t, rotated, list())
	require.NoError(t, os.WriteFile(log, nil, 0o644))
	require.Equal(t, append(rotated, "pacman.log"), list())
	_, err := LogFiles(filepath.Join(dir, "missing", "pacman.log"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
