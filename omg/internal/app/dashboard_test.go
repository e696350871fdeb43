package app

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func TestDashboard(t *testing.T) {
	n := uint32(3)
	f := fake{status: &wire.StatusResult{Counts: wire.Counts{Updates: &n}}}
	code, out, stderr := f.run(t)
	require.Equal(t, exit.OK, code)
	require.Contains(t, out, "Updates     3\n")
	require.Contains(t, out, "\nomg outdated  list the updates\n")
	require.Empty(t, stderr)
	code, _, _ = f.run(t, "--no-daemon", "--socket", "x")
	require.Equal(t, exit.OK, code)

	f.status.Basis = wire.Basis{Partial: true, Why: "core is missing"}
	code, out, stderr = f.run(t, "--strict")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Equal(t, "omg: error: the result is partial: core is missing\nomg: hint: without --strict, omg prints the result\n", stderr)

	f.errs = map[string]error{"status": errors.New("no answer")}
	code, _, stderr = f.run(t)
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "omg: error: no answer\nomg: hint: omg help lists the commands\n", stderr)
}
