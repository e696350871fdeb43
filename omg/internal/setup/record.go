package setup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/shared/paths"
)

// Record is what omg setup has changed and could not find again otherwise.
type Record struct {
	// StartupFiles lists the paths of startup files that may contain a block, and that a shell reads only with certain environment
	// variables, such as ZDOTDIR.
	StartupFiles []string `json:"startup_files,omitempty"`
	// HasEnabledUnits is set if omg setup has enabled the daemon's units, which were not enabled before.
	HasEnabledUnits bool `json:"has_enabled_units,omitempty"`

	file Change
}

// recordName is the name of the record in the directory of the user's state.
const recordName = "setup.json"

// ReadRecord returns the record. It is empty if there is none.
func ReadRecord(env paths.Env) (*Record, error) {
	dir := env.StateDir()
	if dir == "" {
		return nil, errNoHome
	}
	file, err := openChange(env, filepath.Join(dir, recordName))
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if file.old.exists && json.Unmarshal([]byte(file.old.text), r) != nil {
		return nil, notChanged(file.Path, errors.New("it is not what omg setup writes: remove it"))
	}
	r.file = file
	r.file.removesEmpty, r.file.removesDir = true, true
	return r, nil
}

// AddStartupFile adds the startup file of a shell, if RemovePrompts would not find it with other environment variables.
func (r *Record) AddStartupFile(env paths.Env, shell string) {
	path := StartupFile(env, shell)
	if path != defaultStartupFile(env, shell) && !slices.Contains(r.StartupFiles, path) {
		r.StartupFiles = append(r.StartupFiles, path)
	}
}

// Prune removes the startup files that contain no block any more.
func (r *Record) Prune(env paths.Env) {
	r.StartupFiles = slices.DeleteFunc(r.StartupFiles, func(path string) bool {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return true
		}
		c, err := newChange(env, path, nil)
		return err == nil && c.IsEmpty()
	})
}

// Save writes the record, or removes the file of an empty record.
func (r *Record) Save(env paths.Env) error {
	text := ""
	if len(r.StartupFiles) > 0 || r.HasEnabledUnits {
		encoded, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		text = string(encoded) + "\n"
	}
	if text == r.file.old.text {
		return nil
	}
	r.file.content = text
	if err := r.file.apply(env); err != nil {
		return notChanged(r.file.Path, err)
	}
	written, err := ReadRecord(env)
	if err == nil {
		r.file = written.file
	}
	return err
}
