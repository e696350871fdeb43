package browse

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestScripts(t *testing.T) { harness.RunScripts(t, scriptDir, commands) }
