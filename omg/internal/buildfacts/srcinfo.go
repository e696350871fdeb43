package buildfacts

import "strings"

// srcinfo holds the fields of a .SRCINFO. A field has its values in the order of the file. The fields of packages, after the first
// pkgname, are added to those of the package base: the facts do not distinguish the packages of a package base.
//
// The format is described in https://wiki.archlinux.org/title/.SRCINFO: one "name = value" per line, empty lines and comments.
type srcinfo map[string][]string

// parseSRCINFO returns the fields of a .SRCINFO. A line that is not a field is left out. If there is no pkgbase or pkgver, the result is
// nil: the file is not a .SRCINFO.
func parseSRCINFO(content []byte) srcinfo {
	fields := srcinfo{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, isField := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); isField && name != "" {
			fields[name] = append(fields[name], strings.TrimSpace(value))
		}
	}
	if len(fields["pkgbase"]) != 1 || len(fields["pkgver"]) != 1 {
		return nil
	}
	return fields
}
