package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// units lists the user's units of the daemon. The socket is stopped first: otherwise the next connection would start
// the service again.
var units = []string{"omgd.socket", "omgd.service"}

// IsManaged reports whether the user's service manager runs and has the daemon's units. The service manager is only used
// for a daemon at the default path, without arguments.
func (d *Daemon) IsManaged() bool {
	get := d.Env.Getenv
	runtime := get("XDG_RUNTIME_DIR")
	if d.Socket != "" || len(d.Args) > 0 || get("OMG_SOCKET_PATH") != "" || !filepath.IsAbs(runtime) {
		return false
	}
	if fi, err := os.Stat(filepath.Join(runtime, "systemd", "private")); err != nil || fi.Mode()&fs.ModeSocket == 0 {
		return false
	}
	for _, dir := range UnitDirs(d.Env, UserUnits) {
		if _, err := os.Stat(filepath.Join(dir, units[0])); err == nil {
			return true
		}
	}
	return false
}

// The kinds of units: those of a user's service manager, and those of the system's.
const (
	UserUnits   = "user"
	SystemUnits = "system"
)

// UnitDirs returns the directories in which systemd searches for units of a kind, those of the user first (systemd.unit(5)).
func UnitDirs(env paths.Env, kind string) (dirs []string) {
	if kind == UserUnits {
		for _, d := range [][2]string{{"XDG_CONFIG_HOME", ".config"}, {"XDG_DATA_HOME", ".local/share"}} {
			switch own, home := env.Get(d[0]), env.Get("HOME"); {
			case filepath.IsAbs(own):
				dirs = append(dirs, filepath.Join(own, "systemd", kind))
			case filepath.IsAbs(home):
				dirs = append(dirs, filepath.Join(home, d[1], "systemd", kind))
			}
		}
	}
	for _, dir := range []string{"/etc", "/run", "/usr/local/lib", "/usr/lib"} {
		dirs = append(dirs, filepath.Join(env.Root, dir, "systemd", kind))
	}
	return dirs
}

// runUserSystemctl runs systemctl --user.
func runUserSystemctl(ctx context.Context, verb string, units ...string) (code int, err error) {
	return runTool(ctx, append([]string{"systemctl", "--user", verb}, units...)...)
}

// errNoTool means that a program is not installed.
var errNoTool = errors.New("not in PATH")

// findTool finds a program in PATH. It does not use package os/exec, because every start of omg would have to load this
// package.
func findTool(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if fi, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is %w", name, errNoTool)
}

// runTool runs a program with the standard streams of this process, and waits until the program has exited.
func runTool(ctx context.Context, args ...string) (code int, err error) {
	wait, err := startTool(ctx, os.Stdout, args...)
	if err != nil {
		return 0, err
	}
	return wait()
}

// execTool replaces this process by a program. It returns only on errors. A program that runs until it is interrupted is not
// started as a child, because a child would keep running if only omg is killed.
func execTool(args ...string) error {
	path, err := findTool(args[0])
	if err != nil {
		return err
	}
	return &os.PathError{Op: "exec", Path: path, Err: unix.Exec(path, args, os.Environ())}
}

// toolPrints runs a program and reports whether it prints anything to stdout.
func toolPrints(ctx context.Context, args ...string) (prints bool, code int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return false, 0, err
	}
	defer r.Close()
	wait, err := startTool(ctx, w, args...)
	_ = w.Close()
	if err != nil {
		return false, 0, err
	}
	n, err := io.Copy(io.Discard, r)
	code, waitErr := wait()
	return n > 0, code, errors.Join(err, waitErr)
}

// startTool starts a program. The caller must call the returned function wait, which waits until the program has exited.
func startTool(ctx context.Context, stdout *os.File, args ...string) (wait func() (code int, err error), err error) {
	path, err := findTool(args[0])
	if err != nil {
		return nil, err
	}
	p, err := os.StartProcess(path, args, &os.ProcAttr{Files: []*os.File{os.Stdin, stdout, os.Stderr}})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.Signal(os.Interrupt) })
	return func() (int, error) {
		defer stop()
		state, err := p.Wait()
		if err != nil {
			return 0, err
		}
		return state.ExitCode(), nil
	}, nil
}
