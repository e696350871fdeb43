// Package version says which build of omg a program is.
package version

import "runtime/debug"

// stamped is set by the Makefile: -X github.com/omg-arch/omg/shared/version.stamped=v1.2.3.
var stamped string

// String returns the version that the linker stamped, else the module version that `go install` recorded, else "devel"
// with the commit where the toolchain recorded one. It is never empty.
func String() string {
	if stamped != "" {
		return stamped // reading the build's record takes time, even to no use
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
