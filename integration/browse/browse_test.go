package browse

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestScripts(t *testing.T) { harness.RunScripts(t, scriptDir, commands) }
