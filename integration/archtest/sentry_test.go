package archtest

import (
	"debug/buildinfo"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestPrograms_NoSentry checks that omgd contains no code that reports errors to a server.
func TestPrograms_NoSentry(t *testing.T) {
	info, err := buildinfo.ReadFile(filepath.Join(harness.ProgramsDir(t), "omgd"))
	require.NoError(t, err)
	found := false
	for _, m := range info.Deps {
		if m.Path == "github.com/getsentry/sentry-go" {
			found = true
			require.NotNil(t, m.Replace, "the real package")
			require.Equal(t, "nosentry", filepath.Base(m.Replace.Path))
		}
	}
	require.True(t, found, "remove omgd/nosentry: nothing imports it any more")
}
