// Package scripts tests omg as people use it in a shell. Each txtar script covers one topic. Package harness documents the
// commands of the scripts.
package scripts

import (
	"path/filepath"
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestScripts(t *testing.T) { harness.RunScripts(t, "testdata") }

// TestScripts_DefaultSettings runs the scripts in which omg reads its settings from the usual places.
func TestScripts_DefaultSettings(t *testing.T) {
	if harness.HideMachineOmg(t) {
		harness.RunScripts(t, filepath.Join("testdata", "defaults"))
	}
}
