// Package version reports the version of the running program.
package version

import "runtime/debug"

// stamped is set by the Makefile with the linker flag -X github.com/omg-arch/omg/shared/version.stamped=v1.2.3.
var stamped string

// String returns the version that the linker set, otherwise the module version that the command `go install` recorded,
// otherwise "devel" with the commit if the toolchain recorded a commit. The version is never empty.
func String() string {
	if stamped != "" {
		return stamped // do not read the build information, because that takes time
	}
	info, _ := debug.ReadBuildInfo()
	return pick(stamped, info)
}

func pick(stamped string, info *debug.BuildInfo) string {
	if stamped != "" {
		return stamped
	}
	if info == nil {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision[:min(12, len(revision))] + dirty
}
