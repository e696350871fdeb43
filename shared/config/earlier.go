package config

import (
	"fmt"
	"slices"
	"strings"
)

// earlierSettings are the settings of the earlier program of the name omg, from its documentation and its versions until 2026. Its
// configuration file has the same path.
var earlierSettings = []string{
	"auto_update", "data_dir", "default_shell", "runtime_backend", "shims_enabled", "socket_path", "telemetry_enabled",
	"aur.allow_network", "aur.allow_unsafe_builds", "aur.build_concurrency", "aur.build_method", "aur.cache_builds", "aur.ccache_dir",
	"aur.enable_ccache", "aur.enable_sccache", "aur.makeflags", "aur.metadata_cache_ttl_secs", "aur.pkgdest", "aur.review_pkgbuild",
	"aur.sccache_dir", "aur.secure_makepkg", "aur.srcdest", "aur.use_metadata_archive",
}

// earlierSections are the sections of its oldest versions.
var earlierSections = []string{"general", "security"}

// isEarlierSetting reports whether a key is a setting of the earlier program alone.
func isEarlierSetting(name string) bool {
	section, _, _ := strings.Cut(name, ".")
	return slices.Contains(earlierSettings, name) || slices.Contains(earlierSections, section)
}

// warnOfEarlierSettings adds one warning about all settings of the earlier program in the file at path.
func (l *Loaded) warnOfEarlierSettings(path string) {
	if len(l.earlier) > 0 {
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s: ignored, because only the earlier omg had these settings: %s", path, strings.Join(l.earlier, ", ")))
	}
	l.earlier = nil
}
