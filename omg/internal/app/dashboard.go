package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/exit"
)

// modulesDir contains a directory with the modules of each installed kernel.
const modulesDir = "/usr/lib/modules"

// runDashboard shows what there is to know, for omg without a command.
func (a *app) runDashboard(ctx context.Context) error {
	style, err := show.NewStyle("auto", terminalFile(a.stdout))
	if err != nil {
		return err
	}
	st, err := a.newBackend().Status(ctx)
	if err != nil {
		return &exit.Error{Code: exit.Code(withExitCode(err)), Err: err, Hint: "omg help lists the commands"}
	}
	if why := uncertaintyReason(&st.Basis); a.requireCertain && why != "" {
		return &exit.Error{Code: exit.Failed, Err: errors.New("the result is partial: " + why), Hint: a.uncertainHint()}
	}
	d := &show.Dashboard{Status: st}
	if a.options.DBPath == "" && a.options.PacmanConfig == "" && len(a.indexPaths.Value()) == 0 {
		d.MissingModules = missingModules(modulesDir, kernelRelease())
	}
	w := bufio.NewWriter(a.stdout)
	style.PrintDashboard(w, d, time.Now())
	return w.Flush()
}

// kernelRelease returns the release of the running kernel, or "" if it is unknown.
func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	release, _, _ := bytes.Cut(u.Release[:], []byte{0})
	return string(release)
}

// missingModules returns the release of the running kernel if packages have installed kernels, but none of them is the running one: an
// upgrade has replaced it. A kernel's package on Arch Linux has a file pkgbase in the directory of its modules; a container usually
// has none.
func missingModules(modulesDir, release string) string {
	entries, err := os.ReadDir(modulesDir)
	if err != nil || release == "" {
		return ""
	}
	isKernel := func(e os.DirEntry) bool {
		_, err := os.Stat(filepath.Join(modulesDir, e.Name(), "pkgbase"))
		return err == nil
	}
	if _, err := os.Stat(filepath.Join(modulesDir, release)); !os.IsNotExist(err) || !slices.ContainsFunc(entries, isKernel) {
		return ""
	}
	return release
}
