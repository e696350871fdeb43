package hostinventory

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeriveIdentity(t *testing.T) {
	const machine = "0123456789abcdef0123456789abcdef"
	id, err := deriveIdentity(machine, applicationID)
	require.NoError(t, err)
	require.Len(t, id, 32)
	require.NotContains(t, id, machine[:8])
	other, err := deriveIdentity("1"+machine[1:], applicationID)
	require.NoError(t, err)
	require.NotEqual(t, id, other)
	for _, wrong := range []string{"", "uninitialized", machine + "00", machine[:30], strings.Repeat("x", 32)} {
		_, err := deriveIdentity(wrong, applicationID)
		require.ErrorIs(t, err, errMachineID, wrong)
	}
}

// TestReadIdentity compares with systemd, which derives the IDs of applications in the same way.
func TestReadIdentity(t *testing.T) {
	_, err := readIdentity(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	want, err := exec.Command("systemd-id128", "machine-id", "--app-specific="+applicationID).Output()
	if err != nil {
		t.Skip("systemd-id128 cannot read a machine ID: ", err)
	}
	got, err := readIdentity(machineIDPath)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), got)
}
