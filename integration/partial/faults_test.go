package partial

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// fault is a kind of damage to a database.
type fault struct {
	name string
	// spoil damages the database at a path.
	spoil func(t *testing.T, path string)
	// omg reports the damage with a reason that contains the text in says.
	says string
}

// state returns the state that the source with this damage has if there is no earlier index to use.
func (f *fault) state() string {
	if f.name == "missing" {
		return "missing"
	}
	return "failed"
}

func content[T string | []byte](c T) func(*testing.T, string) {
	return func(t *testing.T, path string) { harness.ReplaceFile(t, path, c) }
}

func faults() []fault {
	page := "<!DOCTYPE html><html><title>Please log in</title>" + strings.Repeat(" ", 1000) + "</html>\n"
	return []fault{
		{"empty", content(""), "the file is empty: download it again with pacman -Syyu"},
		{"cut off", func(t *testing.T, path string) {
			whole := harness.ReadFile(t, path)
			harness.ReplaceFile(t, path, whole[:len(whole)/2])
		}, "the file is truncated: download it again with pacman -Syyu"},
		{"a login page", content(page), "not a package database: download it again with pacman -Syyu"},
		{"not a tar archive", func(t *testing.T, path string) {
			harness.ReplaceFile(t, path, harness.Gzip(t, []byte(strings.Repeat("some text\n", 1000))))
		}, "not a package database: download it again with pacman -Syyu"},
		{"unreadable", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0)) }, "permission denied: run chmod a+r on it"},
		{"a directory", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}, "not a regular file"},
		{"missing", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "no database"},
	}
}
