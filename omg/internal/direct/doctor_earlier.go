package direct

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/omg-arch/omg/omg/internal/manage"
)

// The files of the earlier program of the name omg, by its documentation: in the data directory, and beside config.toml. Its
// directory versions is not in the list, because this program uses it too.
var (
	earlierDataFiles   = []string{"audit", "cache.redb", "history.json", "mise", "omg.redb", "shims", "snapshots", "status-cache.json", "tools"}
	earlierConfigFiles = []string{"pins.toml", "policy.toml"}
)

// checkEarlierFiles reports which files the earlier program of the name omg has left.
func (d *doctor) checkEarlierFiles() {
	left := existingFiles(d.env.DataDir(d.o.DataDir), earlierDataFiles)
	if files, chosen := d.env.ConfigFiles(false); !chosen && len(files) > 1 {
		left = append(left, existingFiles(filepath.Dir(files[len(files)-1]), earlierConfigFiles)...)
	}
	if len(left) > 0 {
		d.addOff("earlier omg", "not used: "+strings.Join(left, ", "), "the earlier omg has left these files: remove them if you no longer use it")
	}
}

// existingFiles returns the paths of those files that exist in a directory.
func existingFiles(dir string, names []string) (paths []string) {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// overridingService returns the path of a user's omgd.service that systemd prefers to the one beside omgd.socket, or "". The earlier
// program wrote such a unit, which starts its own daemon. A masked unit, which is a link to /dev/null, is not one.
func (d *doctor) overridingService() string {
	for _, dir := range manage.UnitDirs(d.env, manage.UserUnits) {
		if len(existingFiles(dir, []string{"omgd.socket"})) > 0 {
			return ""
		}
		service := filepath.Join(dir, "omgd.service")
		if fi, err := os.Stat(service); err == nil && fi.Mode().IsRegular() {
			return service
		}
	}
	return ""
}
