package runtimes

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxConfD        = 16 // maximum number of files that are read in a directory named conf.d
	maxAlternatives = 8  // maximum number of versions that a declaration may have in addition to its first one
)

// pathsInReverseOrder returns the paths of the named files in a directory, in reverse alphabetical order, at most maxConfD.
func pathsInReverseOrder(dir string, names []string) []string {
	slices.Sort(names)
	slices.Reverse(names)
	var all []string
	for _, name := range names[:min(len(names), maxConfD)] {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

func truncateWant(s string) string {
	if len(s) > maxWantBytes {
		return s[:maxWantBytes]
	}
	return s
}

// eachLine calls visit for each line that is not empty after comments and surrounding blanks are removed. It stops when
// visit returns false.
func eachLine(text []byte, visit func(line string) (more bool)) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for b := range bytes.Lines(text) {
		b, _, _ = bytes.Cut(b, []byte("#"))
		if b = bytes.TrimSpace(b); len(b) > 0 && !visit(truncateWant(string(b))) {
			return
		}
	}
}

// firstLine returns the first line that is neither empty nor a comment.
func firstLine(text []byte) string {
	var first string
	eachLine(text, func(line string) bool {
		first = line
		return false
	})
	return first
}

// rcFileParser returns a parser for a file with a version on its first line. In a file for Python, the first word of each
// further line is an alternative, as in pyenv. In a file for Go, each further word is an alternative, as in goenv.
func rcFileParser(runtime string) func(*Prober, string, []byte) ([]rawDeclaration, error) {
	return func(_ *Prober, _ string, text []byte) ([]rawDeclaration, error) {
		f := rawDeclaration{runtime: runtime}
		eachLine(text, func(line string) bool {
			for _, word := range versionsOnLine(runtime, line) {
				if f.want == "" {
					f.want = word
				} else if len(f.alternatives) < maxAlternatives {
					f.alternatives = append(f.alternatives, word)
				}
			}
			return runtime == Python || runtime == Go
		})
		if f.want == "" {
			return nil, errors.New("empty")
		}
		return []rawDeclaration{f}, nil
	}
}

// versionsOnLine returns the versions on a line, as the managers of a runtime read the line. A range is one version, even if
// it contains blanks.
func versionsOnLine(runtime, line string) []string {
	if runtime == Node || runtime == Java || runtime == Bun || strings.IndexByte("<>=~!^", line[0]) >= 0 {
		return []string{line}
	}
	words := strings.Fields(line)
	if runtime == Go {
		return words
	}
	return words[:1]
}

// parseToolVersions parses a file in asdf's format: each line has the name of a tool and its versions.
func parseToolVersions(_ *Prober, _ string, text []byte) ([]rawDeclaration, error) {
	var all []rawDeclaration
	eachLine(text, func(line string) bool {
		words := strings.Fields(line)
		runtime, known := Canonical(strings.TrimSuffix(words[0], ":"))
		if !known || len(words) < 2 || slices.ContainsFunc(all, func(f rawDeclaration) bool { return f.runtime == runtime }) {
			return true
		}
		f := rawDeclaration{runtime: runtime, want: words[1], alternatives: words[2:min(len(words), 2+maxAlternatives)]}
		if rest := strings.Join(words[1:], " "); isMiseTemplate(rest) {
			f = rawDeclaration{runtime: runtime, want: rest, needsManager: true}
		}
		all = append(all, f)
		return true
	})
	return all, nil
}

// parseSdkmanrc parses SDKMAN's file, whose lines have the form candidate=version.
func parseSdkmanrc(_ *Prober, _ string, text []byte) ([]rawDeclaration, error) {
	var all []rawDeclaration
	eachLine(text, func(line string) bool {
		key, value, found_ := strings.Cut(line, "=")
		if found_ && strings.TrimSpace(key) == "java" && strings.TrimSpace(value) != "" {
			all = append(all, rawDeclaration{runtime: Java, want: strings.TrimSpace(value)})
		}
		return len(all) == 0
	})
	return all, nil
}

// parseRustToolchain parses rustup's file. The file contains either a toolchain's name or TOML, whether or not the file's name
// ends in .toml.
func parseRustToolchain(_ *Prober, at string, content []byte) ([]rawDeclaration, error) {
	if line := firstLine(content); !strings.ContainsAny(line, "[=") {
		if line == "" {
			return nil, errors.New("empty")
		}
		return []rawDeclaration{{runtime: Rust, want: trimHostTriple(line)}}, nil
	}
	file, err := parseTOML(content)
	if err != nil {
		return nil, err
	}
	if path := tomlString(lookupTOML(file, "toolchain", "path")); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(at), path)
		}
		return []rawDeclaration{{runtime: Rust, want: "path:" + path}}, nil
	}
	if channel := tomlString(lookupTOML(file, "toolchain", "channel")); channel != "" {
		return []rawDeclaration{{runtime: Rust, want: trimHostTriple(channel)}}, nil
	}
	return nil, nil // the file lists only components or targets: rustup uses the default toolchain
}
