package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPick(t *testing.T) {
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}

	for _, c := range []struct {
		name, stamped string
		info          *debug.BuildInfo
		want          string
	}{
		{"the version from the linker comes first", "v1.2.3", info("v9.9.9", revision), "v1.2.3"},
		{"go install records a module version", "", info("v1.2.3", revision), "v1.2.3"},
		{"a clean checkout", "", info("(devel)", revision, clean), "devel-0123456789ab"},
		{"a changed checkout", "", info("(devel)", modified, revision), "devel-0123456789ab-dirty"},
		{"a short revision", "", info("", debug.BuildSetting{Key: "vcs.revision", Value: "abc"}), "devel-abc"},
		{"nothing recorded", "", info("(devel)"), "devel"},
		{"no build info at all", "", nil, "devel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, pick(c.stamped, c.info))
		})
	}
}

func TestString_NeverEmpty(t *testing.T) {
	require.NotEmpty(t, String())
}
