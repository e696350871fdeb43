package archtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestMake_SBOM checks that `make sbom` writes a list of modules for every program that `make build` builds.
func TestMake_SBOM(t *testing.T) {
	s := harness.New(t, harness.WithoutDatabases())
	s.WorkDir = root(t)
	r := s.Run(need.Program(t, "make"), "--dry-run", "sbom")
	require.Zero(t, r.Code, r.Stderr)
	list := regexp.MustCompile(`for p in ([a-z -]+); do`).FindStringSubmatch(r.Stdout)
	require.NotNil(t, list, r.Stdout)
	require.ElementsMatch(t, []string{"omg", "omgd", "omg-index", "omg-probe", "omg-fleet", "omg-direct", "omg-browse", "omg-fleet-dev", "omg-alpm-worker"}, strings.Fields(list[1]))
	require.Contains(t, r.Stdout, "cyclonedx-gomod bin -json")
}
