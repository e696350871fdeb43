// Package scripts tests omg as people use it in a shell. Each txtar script covers one topic. Package harness documents the
// commands of the scripts.
package scripts

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestScripts(t *testing.T) { harness.RunScripts(t, "testdata") }
