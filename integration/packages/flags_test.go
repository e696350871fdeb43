package packages

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestBuild_DistributionFlags checks that make passes the flags of a distribution to Go and to the C compiler.
func TestBuild_DistributionFlags(t *testing.T) {
	root := harness.ProjectRoot(t)
	plan := func(variables ...string) string {
		cmd := prepared(t, root, "make", "--dry-run", "build", "ALPM=yes", "VERSION="+version)
		cmd.Env = append(cmd.Env, variables...)
		r := harness.Run(t, cmd)
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	const stamp = "-X github.com/omg-arch/omg/shared/version.stamped=" + version
	own := plan()
	require.Contains(t, own, stamp+"' -o bin/ ./omg ")
	require.Contains(t, own, stamp+" -bindnow' -o bin/ ./omgd ")
	require.NotContains(t, own, "linkmode")

	// All programs are position-independent, and bind their symbols at the start. Only the worker has an external linker.
	given := plan("GOFLAGS=-buildmode=pie -trimpath -ldflags=-linkmode=external -mod=readonly")
	require.Contains(t, given, stamp+" -bindnow' -o bin/ ./omg ")
	require.Contains(t, given, stamp+" -bindnow' -o bin/ ./omgd ")
	require.Contains(t, given, stamp+" -linkmode=external -bindnow' -o bin/omg-alpm-worker ")
	require.Contains(t, plan("GOFLAGS=-ldflags=-compressdwarf=false"), stamp+" -compressdwarf=false' -o bin/ ./omg ")

	flags := func(variables ...string) string {
		cmd := prepared(t, root, "make", "--no-print-directory", "--eval=flags: ; @echo \"$$CGO_CPPFLAGS|$$CGO_CFLAGS|$$CGO_LDFLAGS\"", "flags")
		cmd.Env = append(cmd.Env, append([]string{"CPPFLAGS=", "CFLAGS=", "LDFLAGS="}, variables...)...)
		r := harness.Run(t, cmd)
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	const renamed = " -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t|"
	require.Equal(t, "|-O2 -g"+renamed+"\n", flags())
	require.Equal(t, "-DX|-O3"+renamed+"-Wl,-z,now\n", flags("CPPFLAGS=-DX", "CFLAGS=-O3", "LDFLAGS=-Wl,-z,now"))
	require.Equal(t, "|-O1"+renamed+"-Wl,-y\n", flags("CFLAGS=-O3", "LDFLAGS=-Wl,-z,now", "CGO_CFLAGS=-O1"+renamed[:len(renamed)-1], "CGO_LDFLAGS=-Wl,-y"))
}
