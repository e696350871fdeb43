package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureOwns compares the run times of `omg owns`, with and without omgd, with the run time of `pacman -Qo`.
func (b *bench) measureOwns() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	path, err := w.installOwnedFile(b.dir)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(daemonSettleTime)
	direct := []string{filepath.Join(b.bin, "omg"), "--no-daemon", "--dbpath", w.db, "--pacman-config", w.conf, "owns", path}
	times, err := runAlternately(b.runsPerProgram, b.env, b.omgCommand(w, "owns", path), direct, pacmanCommand(w, "-Qo", path))
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg owns", w.name, "pacman -Qo", times[0], times[2], "", 1))
	b.add(newRatioFigure("omg owns without omgd", w.name, "pacman -Qo", times[1], times[2], "", 1))
	return nil
}

// installOwnedFile creates a root directory below dir that contains one file, and installs a package that owns this file. It makes
// the setup's pacman.conf name the root directory, and returns the file's path.
func (w *testSystem) installOwnedFile(dir string) (path string, err error) {
	root, entry := filepath.Join(dir, "root"), filepath.Join(w.db, "local", "owner-1-1")
	path = filepath.Join(root, "usr", "share", "owned")
	w.conf = filepath.Join(dir, "root.conf")
	err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Mkdir(entry, 0o755))
	for path, text := range map[string]string{
		path:                          "",
		filepath.Join(entry, "desc"):  "%NAME%\nowner\n\n%VERSION%\n1-1\n\n",
		filepath.Join(entry, "files"): "%FILES%\nusr/\nusr/share/\nusr/share/owned\n\n",
		w.conf: fmt.Sprintf("[options]\nRootDir = %s\nArchitecture = x86_64\nSigLevel = Never\n"+
			"[core]\nServer = file:///nowhere\n[extra]\nServer = file:///nowhere\n[multilib]\nServer = file:///nowhere\n", root),
	} {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o644))
	}
	return path, err
}
