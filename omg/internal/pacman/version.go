package pacman

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// pacmanVersion is a version of the program pacman.
type pacmanVersion struct{ major, minor int }

// newestKnown is the version whose output omg prints if no pacman is found.
var newestKnown = pacmanVersion{7, 0}

func (v pacmanVersion) isBefore(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}

// versionTimeout limits the time that pacman may take to print its version.
const versionTimeout = 10 * time.Second

var versionPattern = regexp.MustCompile(`Pacman v(\d{1,4})\.(\d{1,4})`)

// LearnVersion runs the pacman in PATH to learn its version. A caller that changes the root directory calls it before, so that no program of
// the other system is run.
func LearnVersion() { installedPacman() }

// installedPacman returns the version of the pacman in PATH. Few operations print something else in another version; only these
// run the program.
var installedPacman = sync.OnceValue(func() pacmanVersion {
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	text, err := exec.CommandContext(ctx, "pacman", "--version").Output()
	m := versionPattern.FindSubmatch(text)
	if err != nil || m == nil {
		return newestKnown
	}
	major, _ := strconv.Atoi(string(m[1]))
	minor, _ := strconv.Atoi(string(m[2]))
	return pacmanVersion{major, minor}
})
