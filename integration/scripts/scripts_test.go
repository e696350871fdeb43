// Package scripts tests situations of a shell user with txtar scripts, one file for each topic. Package harness
// documents the commands.
package scripts

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestScripts(t *testing.T) { harness.Scripts(t, "testdata") }
