package paths

import (
	"errors"
	"io/fs"
	"os"
)

// UnfinishedSuffix is what a file is called behind its name until Replace has it
// whole.
const UnfinishedSuffix = ".new"

// Replace puts a small file with this content and mode, whatever the umask, where
// another may be: readers see the old one or the new one. Only one process may do
// it at a time, the one that holds the daemon's lock; what a dead one left half
// written is replaced. It is not synced: what it is for says how a machine that
// runs is doing.
func Replace(path string, content []byte, mode fs.FileMode) error {
	temp := path + UnfinishedSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// O_EXCL follows no symlink that someone put there.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return err
}

// Remove removes a file and what Replace may have left half written of it. It is
// not an error if there is none.
func Remove(path string) error {
	var all []error
	for _, p := range []string{path, path + UnfinishedSuffix} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
