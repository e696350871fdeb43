package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// units are the user's units of the daemon. The socket comes first: without it, a
// service that is stopped would start again with the next question.
var units = []string{"omgd.socket", "omgd.service"}

// managed says whether the user's service manager runs and has the daemon's
// units. Its daemon is the one in the usual place, with no arguments.
func (d *Daemon) managed() bool {
	get := d.Env.Getenv
	runtime := get("XDG_RUNTIME_DIR")
	if d.Socket != "" || len(d.Args) > 0 || get("OMG_SOCKET_PATH") != "" || !filepath.IsAbs(runtime) {
		return false
	}
	if fi, err := os.Stat(filepath.Join(runtime, "systemd", "private")); err != nil || fi.Mode()&fs.ModeSocket == 0 {
		return false
	}
	for _, dir := range unitDirs(get) {
		if _, err := os.Stat(filepath.Join(dir, "systemd", "user", units[0])); err == nil {
			return true
		}
	}
	return false
}

// unitDirs are the directories in which systemd looks for a user's units, without
// systemd/user (systemd.unit(5)).
func unitDirs(get func(string) string) []string {
	dirs := []string{"/etc", "/run", "/usr/local/lib", "/usr/lib"}
	for _, d := range [][2]string{{"XDG_CONFIG_HOME", ".config"}, {"XDG_DATA_HOME", ".local/share"}} {
		switch own, home := get(d[0]), get("HOME"); {
		case filepath.IsAbs(own):
			dirs = append(dirs, own)
		case filepath.IsAbs(home):
			dirs = append(dirs, filepath.Join(home, d[1]))
		}
	}
	return dirs
}

// systemctl has the user's service manager do something.
func systemctl(ctx context.Context, verb string, units ...string) (code int, err error) {
	return runTool(ctx, append([]string{"systemctl", "--user", verb}, units...)...)
}

// errNoTool means that a program of the system is missing.
var errNoTool = errors.New("not in PATH")

// tool finds a program of the system. Package os/exec would do it too, and every
// call of omg would load it.
func tool(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if fi, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is %w", name, errNoTool)
}

// runTool runs a program of the system, on our own terminal, to its end.
func runTool(ctx context.Context, args ...string) (code int, err error) {
	path, err := tool(args[0])
	if err != nil {
		return 0, err
	}
	p, err := os.StartProcess(path, args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, err
	}
	defer context.AfterFunc(ctx, func() { _ = p.Signal(os.Interrupt) })()
	state, err := p.Wait()
	if err != nil {
		return 0, err
	}
	return state.ExitCode(), nil
}
