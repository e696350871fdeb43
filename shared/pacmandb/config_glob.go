package pacmandb

import (
	"os"
	"slices"
	"strings"
)

// expandGlob lists the files that match a pattern, sorted by bytes, as glob(3) does in the locale C: the characters * ? [
// and \ are special, only a dot matches a leading dot, and a name may end in a slash. If no file matches, the result is
// the pattern itself. ok is false if the number of matching files, or of directories that match a part of the pattern,
// is above the limit.
func expandGlob(pattern string, limit int) (files []string, ok bool) {
	if !hasGlobMeta(pattern) {
		return []string{strings.TrimSuffix(pattern, "/")}, true
	}
	found := []string{""}
	elements := strings.SplitAfter(pattern, "/")
	for _, element := range elements {
		var longer []string
		for _, dir := range found {
			if !hasGlobMeta(element) {
				longer = append(longer, dir+element)
				continue
			}
			name, isDir := strings.CutSuffix(element, "/")
			for _, match := range matchingNames(dir, name) {
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

// matchingNames lists the names in the directory dir that match pattern. The list is empty if dir cannot be read.
func matchingNames(dir, pattern string) []string {
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
