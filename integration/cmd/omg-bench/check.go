package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
)

// namesInDump returns the names of the first n packages in a dump of the AUR.
func namesInDump(path string, n int) (names []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(z)
	if _, err := d.Token(); err != nil { // the bracket
		return nil, err
	}
	for len(names) < n {
		var p struct{ Name string }
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		names = append(names, p.Name)
	}
	return names, nil
}

// addToSystem installs packages of the AUR, builds the index of a dump, and moves a journal to the data directory.
func (b *bench) addToSystem(w *testSystem, dump string, names []string, journalPath string) error {
	for _, name := range names {
		dir := filepath.Join(w.db, "local", name+"-1-1")
		desc := fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n1-1\n\n%%ARCH%%\nany\n\n", name)
		err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "desc"), []byte(desc), 0o644),
			os.WriteFile(filepath.Join(dir, "files"), []byte("%FILES%\n"), 0o644))
		if err != nil {
			return err
		}
	}
	if _, err := run(b.env, b.aurBuildCommand(w, dump)...); err != nil {
		return err
	}
	return os.Rename(journalPath, filepath.Join(paths.IndexDir(w.dataDir), journal.FileName))
}

// measureCheck compares omg aur check with omg status on a system with some packages of the AUR, and with a journal: when omgd answers, and
// when omg has to compare a user's build files.
func (b *bench) measureCheck(w *testSystem, names []string) error {
	defer func(env []string) { b.env = env }(b.env)
	b.env = append(b.env, "OMG_STALE_REPOS=87600h") // generated databases are old
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	check, status := b.omgCommand(w, "aur", "check"), b.omgCommand(w, "status")
	if err := b.awaitCheck(w); err != nil {
		return err
	}
	on := fmt.Sprintf("%d of %d packages of the AUR, journal of a year", len(names), aurPackageCount)
	times, err := runAlternately(b.runsPerProgram, b.env, check, status)
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg aur check", on, "omg status", times[0], times[1], "within 2 times", 1/2.0))

	for _, name := range names {
		dir := filepath.Join(b.dir, ".cache", "yay", name)
		err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "PKGBUILD"), []byte("pkgname="+name+"\npkgver=1\npkgrel=1\n"), 0o644))
		if err != nil {
			return err
		}
	}
	times, err = runAlternately(b.runsPerProgram, b.env, check, status)
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg aur check, with build files", on, "omg status", times[0], times[1], "within 2 times", 1/2.0))
	return os.RemoveAll(filepath.Join(b.dir, ".cache"))
}

// awaitCheck waits until omgd answers with the findings.
func (b *bench) awaitCheck(w *testSystem) error {
	args := b.omgCommand(w, "aur", "check", "--json")
	for range 3000 {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = b.env
		out, _ := cmd.Output() // without the findings, omg-direct finds no journal
		var answer struct{ Generation uint64 }
		if json.Unmarshal(out, &answer) == nil && answer.Generation > 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("omgd does not answer with the findings")
}
