// Package statusfile owns the small file that shell prompts and status bars
// read instead of asking omgd.
//
// # The file
//
// All numbers are little-endian. The first 32 bytes have been as they are since
// before this program: scripts read them with od -An -j8 -N16 -tu4. What comes
// behind them may grow; a reader takes what it knows and passes over the rest.
//
//	 0  u32  0x4F4D4753
//	 4  u8   version, 1
//	 5  3    zero
//	 8  u32  installed packages
//	12  u32  explicitly installed
//	16  u32  orphans (required by nobody, even optionally)
//	20  u32  repository updates that are not ignored
//	24  u64  last successful refresh, Unix seconds
//	32  u32  seconds between two refreshes
//	36  u32  which numbers are known: bit 0 installed, 1 explicit, 2 orphans,
//	         3 updates, 4 ignored, 5 foreign, 6 AUR updates, 7 vulnerabilities
//	40  16   the boot in which the file was written (/proc/sys/kernel/random/boot_id)
//	56  u32  ignored updates
//	60  u32  foreign packages
//	64  u32  AUR updates
//	68  u32  vulnerabilities
//
// A number that is not known has its bit clear and is 4294967295: whoever reads
// the number alone must not take it for none.
package statusfile

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	magic   = 0x4F4D4753
	version = 1
	size    = 72
	maxSize = 64 << 10 // of a file from a later version
	unknown = 1<<32 - 1
)

var (
	// ErrUntrusted means that someone else could have written the file.
	ErrUntrusted = errors.New("status file is not to be trusted")
	// ErrDamaged means that it is no status file.
	ErrDamaged = errors.New("not a status file")
)

// Count is a number that may not be known.
type Count struct {
	N     uint32
	Known bool
}

// Some is a number that is known.
func Some(n uint32) Count { return Count{n, true} }

// Status is what the file says.
type Status struct {
	Installed, Explicit, Orphans, Updates    Count
	Ignored, Foreign, AURUpdates, Vulnerable Count
	// Refreshed is the last successful refresh, Interval the time between two.
	Refreshed time.Time
	Interval  time.Duration
	// Boot is the boot in which the status was written.
	Boot [16]byte
}

// counts are the numbers in the order of their bits, with their places.
func (s *Status) counts() [8]struct {
	at    int
	count *Count
} {
	return [8]struct {
		at    int
		count *Count
	}{
		{8, &s.Installed},
		{12, &s.Explicit},
		{16, &s.Orphans},
		{20, &s.Updates},
		{56, &s.Ignored},
		{60, &s.Foreign},
		{64, &s.AURUpdates},
		{68, &s.Vulnerable},
	}
}

// Marshal encodes a status.
func Marshal(s Status) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint32(b, magic)
	b[4] = version
	known := uint32(0)
	for bit, c := range s.counts() {
		n := uint32(unknown)
		if c.count.Known {
			n = c.count.N
			known |= 1 << bit
		}
		binary.LittleEndian.PutUint32(b[c.at:], n)
	}
	binary.LittleEndian.PutUint64(b[24:], uint64(max(0, s.Refreshed.Unix())))
	binary.LittleEndian.PutUint32(b[32:], uint32(s.Interval/time.Second))
	binary.LittleEndian.PutUint32(b[36:], known)
	copy(b[40:56], s.Boot[:])
	return b
}

// Unmarshal decodes a status.
func Unmarshal(b []byte) (s Status, err error) {
	if len(b) < size || len(b) > maxSize || binary.LittleEndian.Uint32(b) != magic {
		return s, ErrDamaged
	}
	if b[4] != version {
		return s, fmt.Errorf("%w: version %d, this program reads %d", ErrDamaged, b[4], version)
	}
	known := binary.LittleEndian.Uint32(b[36:])
	for bit, c := range s.counts() {
		if known&(1<<bit) != 0 {
			*c.count = Some(binary.LittleEndian.Uint32(b[c.at:]))
		}
	}
	s.Refreshed = time.Unix(int64(min(binary.LittleEndian.Uint64(b[24:]), 1<<40)), 0)
	s.Interval = time.Duration(binary.LittleEndian.Uint32(b[32:])) * time.Second
	copy(s.Boot[:], b[40:56])
	return s, nil
}

// Stale says that the status is no longer to be believed: three intervals have
// passed since the last refresh, or the machine was started anew.
func (s *Status) Stale(now time.Time, boot [16]byte) bool {
	return s.Boot != boot || now.Sub(s.Refreshed) > 3*s.Interval
}

// Boot returns the number of this boot; zeros where the kernel does not say.
func Boot() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", ""))
	if err == nil && len(raw) == len(id) {
		copy(id[:], raw)
	}
	return id
}

// Write replaces the file at path, whole: it is written beside it and renamed.
// It is not synced, since after a crash of the machine it would be stale anyway.
func Write(path string, s Status) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.Itoa(os.Getpid())+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(Marshal(s))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

// Read reads the file at path. It refuses one that is a symbolic link or not
// regular, that others can write, or whose owner trust does not believe.
func Read(path string, trust func(uid uint32) bool) (s Status, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return s, os.NewSyscallError("fstat", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return s, fmt.Errorf("%s: %w: not a regular file", path, ErrDamaged)
	case !trust(st.Uid), st.Mode&0o022 != 0:
		return s, fmt.Errorf("%s: %w: it belongs to user %d and has mode %04o", path, ErrUntrusted, st.Uid, st.Mode&0o7777)
	}
	var b [maxSize + 1]byte
	n, err := unix.Pread(fd, b[:], 0)
	if err != nil {
		return s, &os.PathError{Op: "read", Path: path, Err: err}
	}
	if s, err = Unmarshal(b[:n]); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
