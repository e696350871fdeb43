// Package scripts holds situations of a shell user as txtar scripts, a topic a
// file. package harness has the commands.
package scripts

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestScripts(t *testing.T) { harness.Scripts(t, "testdata") }
