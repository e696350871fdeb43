// Package listen makes the daemon's socket: one daemon a path, nobody else's
// file replaced, and closed to others from the moment the socket exists.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

var (
	// ErrRunning means that another daemon has the socket.
	ErrRunning = errors.New("omgd runs already")
	// ErrOccupied means that something else lies where the socket belongs.
	ErrOccupied = errors.New("something else is in the place of the socket")
)

// Socket is a listening socket and the lock that makes it ours alone.
type Socket struct {
	net.Listener
	path string
	lock *os.File
}

// Open takes the lock beside the socket, removes a socket that a dead daemon
// left, and listens. The socket has mode 0600 from the start, whatever the umask.
func Open(path string, env paths.Env) (*Socket, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := env.CheckParent(dir); err != nil {
		return nil, err
	}
	lock, err := takeLock(env.Lock(path), env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Socket{path: path, lock: lock}
	if err := removeStale(path, env); err != nil {
		s.unlock()
		return nil, err
	}
	// The mode that the descriptor has when it is bound is the mode that the
	// file is born with; a chmod afterwards would leave a moment for others.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); cerr != nil {
			return cerr
		}
		return err
	}}
	if s.Listener, err = config.Listen(context.Background(), "unix", path); err != nil {
		s.unlock()
		return nil, err
	}
	return s, nil
}

// Close stops listening and removes the socket and the lock.
func (s *Socket) Close() error {
	err := s.Listener.Close() // removes the socket
	s.unlock()
	return err
}

// takeLock opens and locks the file that keeps two daemons apart.
func takeLock(path string, env paths.Env) (*os.File, error) {
	if dir := filepath.Dir(path); dir == env.PrivateDir() {
		if err := env.MakePrivateDir(dir); err != nil {
			return nil, err
		}
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close()
			return nil, ErrRunning
		}
		if err != nil {
			_ = f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		// The one who had the lock removes the file when it ends. If that
		// happened since we opened it, what we locked is no longer the lock.
		ours, err := f.Stat()
		if err == nil {
			var there os.FileInfo
			if there, err = os.Lstat(path); err == nil && os.SameFile(ours, there) {
				return f, nil
			}
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

func (s *Socket) unlock() {
	_ = os.Remove(s.lock.Name())
	_ = s.lock.Close()
}

// removeStale removes a socket of ours on which nobody answers. Anything else
// in its place stays and is an error.
func removeStale(path string, env paths.Env) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if fi.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s: %w: it is no socket", path, ErrOccupied)
	}
	if !ok || int(st.Uid) != env.UID {
		return fmt.Errorf("%s: %w: it belongs to another user", path, ErrOccupied)
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = nc.Close()
		return fmt.Errorf("%s: %w", path, ErrRunning)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s: %w: %w", path, ErrOccupied, err)
	}
	return os.Remove(path)
}
