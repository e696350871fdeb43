// Package listen makes the daemon's socket: one daemon a path, nobody else's
// file replaced, and closed to others from the moment the socket exists.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pidfile"
)

var (
	// ErrRunning means that another daemon has the socket.
	ErrRunning = errors.New("omgd runs already")
	// ErrOccupied means that something else lies where the socket belongs.
	ErrOccupied = errors.New("something else is in the place of the socket")
)

// Socket is a listening socket, the lock that makes it ours alone, and the file
// with our process number.
type Socket struct {
	*net.UnixListener
	path string
	pid  string
	born os.FileInfo // to tell our socket from another that took its place; nil for the service manager's
	lock *os.File
}

// Access is who may connect, by the socket's mode and, unless it is -1, group.
type Access struct {
	Mode  fs.FileMode
	Group int
}

// Private lets only the owner connect.
var Private = Access{Mode: 0o600, Group: -1}

// maxPath is what a socket's address has room for.
const maxPath = 107

// Open takes the lock beside the socket, removes a socket that a dead daemon
// left, and listens. The socket never has a wider mode than access says, whatever
// the umask.
func Open(path string, env paths.Env, access Access) (*Socket, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s: a socket's path has at most %d bytes, not %d: choose another with --socket", path, maxPath, len(path))
	}
	dir := filepath.Dir(path)
	if err := makeParent(dir); err != nil {
		return nil, err
	}
	if err := env.CheckParent(dir); err != nil {
		return nil, err
	}
	parent, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	s, err := own(path, env)
	if err != nil {
		return nil, err
	}
	if err := removeStale(path, env); err != nil {
		s.Release()
		return nil, err
	}
	if err := s.bind(access); err != nil {
		s.Abandon()
		return nil, err
	}
	// Who exchanged the directory since it was checked has our socket, and
	// nobody is to believe it.
	if now, err := os.Stat(dir); err != nil || !os.SameFile(parent, now) {
		s.Abandon()
		return nil, fmt.Errorf("%s: %w: it was replaced", dir, paths.ErrUntrusted)
	}
	return s, nil
}

// Take makes the daemon's socket of one that the service manager listens on. It
// is not looked at, changed or removed; the lock beside it is ours all the same.
func Take(l *net.UnixListener, env paths.Env) (*Socket, error) {
	path := l.Addr().String()
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("the socket %q of the service manager has no place in the file system", path)
	}
	if err := env.CheckParent(filepath.Dir(path)); err != nil {
		return nil, err
	}
	s, err := own(path, env)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s.UnixListener = l
	return s, nil
}

// own takes the lock and writes the file with our process number.
func own(path string, env paths.Env) (*Socket, error) {
	lock, err := takeLock(env.Lock(path), env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Socket{path: path, pid: env.PID(path), lock: lock}
	if err := pidfile.Write(s.pid); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// makeParent makes the directory with mode 0755, whatever the umask. The one that
// it is in must be there: a mistyped path is no wish for a tree.
func makeParent(dir string) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return os.Chmod(dir, 0o755)
}

func (s *Socket) bind(access Access) error {
	// The mode that the descriptor has when it is bound is the mode that the
	// file is born with; a chmod afterwards would leave a moment for others.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), uint32(Private.Mode)) }); cerr != nil {
			return cerr
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", s.path)
	if err != nil {
		return err
	}
	s.UnixListener = l.(*net.UnixListener)
	s.SetUnlinkOnClose(false) // we look before we remove
	if s.born, err = os.Lstat(s.path); err != nil {
		return err
	}
	if access.Group >= 0 {
		if err := os.Lchown(s.path, -1, access.Group); err != nil {
			return err
		}
	}
	if s.born.Mode().Perm() != access.Mode { // wider, or the umask took from the owner too
		return os.Chmod(s.path, access.Mode)
	}
	return nil
}

// End removes the socket, stops listening and sends goodbye to those who had
// connected and were not accepted. The service manager's socket stays, and who
// connects to it waits for the next daemon. Release must follow when the daemon
// has ended.
func (s *Socket) End(goodbye []byte) error {
	err := s.remove()
	if s.born != nil {
		err = errors.Join(err, s.dismiss(goodbye))
	}
	return errors.Join(err, s.UnixListener.Close())
}

// dismiss lets nobody connect any more and accepts those who have, to tell them.
func (s *Socket) dismiss(goodbye []byte) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		if err = unix.Shutdown(int(fd), unix.SHUT_RD); err != nil {
			err = os.NewSyscallError("shutdown", err)
			return
		}
		for {
			nfd, _, aerr := unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if aerr == unix.EINTR || aerr == unix.ECONNABORTED {
				continue
			}
			if aerr != nil {
				return // nobody is left
			}
			_, _ = unix.SendmsgN(nfd, goodbye, nil, nil, unix.MSG_NOSIGNAL) // into an empty buffer
			_ = unix.Close(nfd)
		}
	})
	return errors.Join(err, cerr)
}

// remove removes the socket if it is still ours.
func (s *Socket) remove() error {
	if s.born == nil {
		return nil
	}
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(s.born, now) {
		return os.Remove(s.path)
	}
	return nil
}

// Release lets another daemon take the place.
func (s *Socket) Release() {
	_ = pidfile.Remove(s.pid)
	_ = os.Remove(s.lock.Name())
	_ = s.lock.Close()
}

// Abandon leaves nothing in the file system, at once: it is for a daemon that
// dies now.
func (s *Socket) Abandon() {
	_ = s.remove()
	if s.UnixListener != nil {
		_ = s.UnixListener.Close()
	}
	s.Release()
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
			defer f.Close()
			return nil, holder(f)
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
				return note(f, ours, env)
			}
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// note leaves our process number in the lock, for who comes second.
func note(f *os.File, fi os.FileInfo, env paths.Env) (*os.File, error) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() || int(st.Uid) != env.UID {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w: it must be a file of yours", f.Name(), ErrOccupied)
	}
	err := f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// holder is the error that names the daemon which has the lock.
func holder(f *os.File) error {
	var pid int
	if _, err := fmt.Fscan(io.LimitReader(f, 20), &pid); err != nil {
		return ErrRunning
	}
	return fmt.Errorf("%w (process %d)", ErrRunning, pid)
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
