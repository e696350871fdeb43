package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenUnlocked listens on a socket with mode 0600, without a lock file. It is for metrics and debugging. It
// replaces a socket of this user on which no process listens; anything else at the path is an error.
func OpenUnlocked(path string) (net.Listener, error) {
	if fi, err := os.Lstat(path); err == nil {
		st, ok := fi.Sys().(*syscall.Stat_t)
		if fi.Mode()&fs.ModeSocket == 0 || !ok || int(st.Uid) != os.Geteuid() {
			return nil, fmt.Errorf("%s: %w", path, ErrOccupied)
		}
		if nc, err := net.Dial("unix", path); err == nil {
			_ = nc.Close()
			return nil, fmt.Errorf("%s: %w", path, ErrRunning)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); cerr != nil {
			return cerr
		}
		return err
	}}
	return config.Listen(context.Background(), "unix", path)
}
