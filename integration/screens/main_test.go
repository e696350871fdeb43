package screens

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
