package pacmandb

import (
	"os"
	"slices"
	"strings"
)

// expand lists the files that a pattern matches as glob(3) does in the locale C, in order of their bytes: * ? [ and \ are
// special, a leading dot is matched only by a dot, and a name may have a slash at its end. A pattern that matches nothing is
// returned itself. ok is false if there are more than limit files, or directories on the way to them.
func expand(pattern string, limit int) (files []string, ok bool) {
	if !special(pattern) {
		return []string{strings.TrimSuffix(pattern, "/")}, true
	}
	found := []string{""}
	elements := strings.SplitAfter(pattern, "/")
	for _, element := range elements {
		var longer []string
		for _, dir := range found {
			if !special(element) {
				longer = append(longer, dir+element)
				continue
			}
			name, isDir := strings.CutSuffix(element, "/")
			for _, match := range matches(dir, name) {
				if isDir {
					match += "/"
				}
				longer = append(longer, dir+match)
			}
			if len(longer) > limit {
				return nil, false
			}
		}
		found = longer
	}
	found = slices.DeleteFunc(found, func(file string) bool {
		_, err := os.Lstat(file)
		return err != nil
	})
	if len(found) == 0 {
		return []string{pattern}, true
	}
	slices.Sort(found)
	return found, true
}

// matches lists the names in dir that match pattern; none if dir cannot be read.
func matches(dir, pattern string) []string {
	if dir == "" {
		dir = "."
	}
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if e.Name()[0] == '.' && !strings.HasPrefix(strings.TrimPrefix(pattern, `\`), ".") {
			continue
		}
		if globMatch(pattern, e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}
