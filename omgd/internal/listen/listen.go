// Package listen opens the daemon's socket. Only one daemon can use a path. Nothing is replaced at the path,
// except a socket of a daemon that died. The socket never has wider permissions than it should have.
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
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pidfile"
)

var (
	// ErrRunning means that another daemon uses the socket.
	ErrRunning = errors.New("omgd is already running")
	// ErrOccupied means that something other than a daemon's socket is at the path.
	ErrOccupied = errors.New("the path of the socket is occupied")
)

// Socket is a listening socket with its lock and PID file.
type Socket struct {
	*net.UnixListener
	path        string
	pidPath     string
	createdFile os.FileInfo // the file of our socket, to notice that another file has replaced it; nil for the service manager's socket
	lock        *os.File
	closeOnce   sync.Once
}

// Permissions are the mode and the group of a socket. With Group -1, the group of the socket is not changed.
type Permissions struct {
	Mode  fs.FileMode
	Group int
}

// PrivatePermissions lets only the owner of the socket connect.
var PrivatePermissions = Permissions{Mode: 0o600, Group: -1}

// maxPath is the length of the longest path that fits in the address of a unix socket, in bytes.
const maxPath = 107

// Open acquires the lock beside the socket, removes the socket of a daemon that died, and listens. Whatever
// the umask is, the socket never has a wider mode than access allows.
func Open(path string, env paths.Env, access Permissions) (*Socket, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s: a socket's path has at most %d bytes, not %d: choose another with --socket", path, maxPath, len(path))
	}
	dir := filepath.Dir(path)
	if err := makeParent(dir); err != nil {
		return nil, err
	}
	if err := env.CheckDirTrust(dir); err != nil {
		return nil, err
	}
	parent, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	s, err := acquire(path, env)
	if err != nil {
		return nil, err
	}
	if err := removeStale(path, env); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.bind(access); err != nil {
		s.Close()
		return nil, err
	}
	// Close the socket if the directory was replaced after the check: the socket may then be in another
	// user's directory.
	if now, err := os.Stat(dir); err != nil || !os.SameFile(parent, now) {
		s.Close()
		return nil, fmt.Errorf("%s: %w: the directory was replaced", dir, paths.ErrUntrusted)
	}
	return s, nil
}

// FromListener returns a Socket for a listener from the service manager. The socket file is
// not checked, changed or removed; the lock beside it is acquired as in Open.
func FromListener(l *net.UnixListener, env paths.Env) (*Socket, error) {
	path := l.Addr().String()
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("the socket %q of the service manager has no path in the file system", path)
	}
	if err := env.CheckDirTrust(filepath.Dir(path)); err != nil {
		return nil, err
	}
	s, err := acquire(path, env)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s.UnixListener = l
	return s, nil
}

// acquire acquires the lock of a socket and writes the PID file.
func acquire(path string, env paths.Env) (*Socket, error) {
	lock, err := openLock(env.LockFile(path), env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Socket{path: path, pidPath: env.PIDFile(path), lock: lock}
	if err := pidfile.Write(s.pidPath); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// makeParent makes the directory of a socket with mode 0755, whatever the umask is. The parent of that
// directory must exist, so that a mistyped path does not create a tree.
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

func (s *Socket) bind(access Permissions) error {
	// The socket file gets the mode of the descriptor when the descriptor is bound. If the mode were
	// restricted only after that, other users could connect in between.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), uint32(PrivatePermissions.Mode)) }); cerr != nil {
			return cerr
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", s.path)
	if err != nil {
		return err
	}
	s.UnixListener = l.(*net.UnixListener)
	s.SetUnlinkOnClose(false) // Socket.remove removes the socket file instead, but only if no other file has replaced it
	if s.createdFile, err = os.Lstat(s.path); err != nil {
		return err
	}
	if access.Group >= 0 {
		if err := os.Lchown(s.path, -1, access.Group); err != nil {
			return err
		}
	}
	if s.createdFile.Mode().Perm() != access.Mode { // access.Mode allows more than PrivatePermissions.Mode, or the umask has removed permissions of the owner
		return os.Chmod(s.path, access.Mode)
	}
	return nil
}

// StopAccepting removes the socket file and stops listening. It sends the message goodbye to clients that are
// connected but not accepted. The service manager's socket stays: clients that connect to it wait for the
// next daemon. The caller must call Close after the shutdown.
func (s *Socket) StopAccepting(goodbye []byte) error {
	err := s.remove()
	if s.createdFile != nil {
		err = errors.Join(err, s.rejectQueued(goodbye))
	}
	return errors.Join(err, s.UnixListener.Close())
}

// rejectQueued refuses new connections, and sends the message goodbye to the clients in the queue.
func (s *Socket) rejectQueued(goodbye []byte) error {
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
				return // the queue is empty
			}
			_, _ = unix.SendmsgN(nfd, goodbye, nil, nil, unix.MSG_NOSIGNAL) // the message fits, because the send buffer is empty
			_ = unix.Close(nfd)
		}
	})
	return errors.Join(err, cerr)
}

// remove removes the socket file if it is still ours.
func (s *Socket) remove() error {
	if s.createdFile == nil {
		return nil
	}
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(s.createdFile, now) {
		return os.Remove(s.path)
	}
	return nil
}

// Close removes the socket, the PID file and the lock, so that another daemon can start. Further calls do
// nothing.
func (s *Socket) Close() {
	s.closeOnce.Do(func() {
		_ = s.remove()
		if s.UnixListener != nil {
			_ = s.UnixListener.Close()
		}
		_ = pidfile.Remove(s.pidPath)
		_ = os.Remove(s.lock.Name())
		_ = s.lock.Close()
	})
}

// openLock opens and locks the file that prevents a second daemon from starting.
func openLock(path string, env paths.Env) (*os.File, error) {
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
			return nil, alreadyRunningError(f)
		}
		if err != nil {
			_ = f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		// A daemon removes its lock file when it ends. If it did that after we had opened the file, the file
		// that we have locked is no longer at the path: try again.
		ours, err := f.Stat()
		if err == nil {
			var atPath os.FileInfo
			if atPath, err = os.Lstat(path); err == nil && os.SameFile(ours, atPath) {
				return writePID(f, ours, env)
			}
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// writePID writes our process ID to the lock file. A second daemon puts this ID into its error.
func writePID(f *os.File, fi os.FileInfo, env paths.Env) (*os.File, error) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() || int(st.Uid) != env.UID {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w: the lock is not a regular file of this user", f.Name(), ErrOccupied)
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

// alreadyRunningError returns the error for a second daemon, with the process ID of the daemon that has the lock.
func alreadyRunningError(f *os.File) error {
	var pid int
	if _, err := fmt.Fscan(io.LimitReader(f, 20), &pid); err != nil {
		return ErrRunning
	}
	return fmt.Errorf("%w (process %d)", ErrRunning, pid)
}

// removeStale removes a socket of this user on which no process listens. Anything else at the path stays, and
// is an error.
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
		return fmt.Errorf("%s: %w: it is not a socket", path, ErrOccupied)
	}
	if !ok || int(st.Uid) != env.UID {
		return fmt.Errorf("%s: %w: it belongs to another user", path, ErrOccupied)
	}
	nc, err := net.Dial("unix", path) // it does not wait, not even if no more connections fit into the queue of the socket
	if err == nil {
		_ = nc.Close()
		return fmt.Errorf("%s: %w", path, ErrRunning)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s: %w: %w", path, ErrOccupied, err)
	}
	return os.Remove(path)
}
