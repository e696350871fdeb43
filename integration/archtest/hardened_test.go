package archtest

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestPrograms_Hardened checks that omgd and omg-index are position-independent and make their relocations read-only
// at the start, that the programs for which a user waits are static, and that no program has memory that can be both
// written and executed. A distribution can make all programs position-independent with GOFLAGS.
func TestPrograms_Hardened(t *testing.T) {
	bin := harness.ProgramsDir(t)
	moved := map[string]bool{"omgd": true, "omg-index": true, "omg-fleet": true, "omg-fleet-dev": true, "omg-alpm-worker": true, "omg": false, "omg-direct": false, "omg-browse": false, "omg-probe": false}
	for name, moved := range moved {
		path := filepath.Join(bin, name)
		if _, err := os.Stat(path); name == "omg-alpm-worker" && os.IsNotExist(err) {
			continue // only `make build` builds the worker
		}
		f, err := elf.Open(path)
		require.NoError(t, err, name)
		defer f.Close()
		kinds := make(map[elf.ProgType]bool)
		for _, p := range f.Progs {
			kinds[p.Type] = true
			if p.Type == elf.PT_LOAD || p.Type == elf.PT_GNU_STACK {
				require.NotEqual(t, elf.PF_W|elf.PF_X, p.Flags&(elf.PF_W|elf.PF_X), "%s: %v", name, p.Type)
			}
		}
		require.True(t, kinds[elf.PT_GNU_STACK], name)
		if !moved && !strings.Contains(os.Getenv("GOFLAGS"), "-buildmode=pie") {
			require.Equal(t, elf.ET_EXEC, f.Type, name)
			require.False(t, kinds[elf.PT_INTERP] || kinds[elf.PT_DYNAMIC], "%s is not static", name)
			continue
		}
		require.Equal(t, elf.ET_DYN, f.Type, name)
		require.True(t, kinds[elf.PT_GNU_RELRO], name)
		now := uint64(0)
		if flags, err := f.DynValue(elf.DT_FLAGS); err == nil && len(flags) > 0 {
			now = flags[0] & uint64(elf.DF_BIND_NOW)
		}
		if flags, err := f.DynValue(elf.DT_FLAGS_1); err == nil && len(flags) > 0 {
			now |= flags[0] & uint64(elf.DF_1_NOW)
		}
		require.NotZero(t, now, "%s binds symbols later", name)
	}
}
