package runtimes

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxConfD = 16 // files of a conf.d
	maxAlso  = 8  // versions after the first
)

// lastFirst joins names to a directory, in the opposite of their order, at most
// maxConfD of them.
func lastFirst(dir string, names []string) []string {
	slices.Sort(names)
	slices.Reverse(names)
	var all []string
	for _, name := range names[:min(len(names), maxConfD)] {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

func cut(s string) string {
	if len(s) > maxWant {
		return s[:maxWant]
	}
	return s
}

// meaningful calls visit for each line that is not empty, without comments and
// blanks around it, until visit is done with it.
func meaningful(text []byte, visit func(line string) (more bool)) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for b := range bytes.Lines(text) {
		b, _, _ = bytes.Cut(b, []byte("#"))
		if b = bytes.TrimSpace(b); len(b) > 0 && !visit(cut(string(b))) {
			return
		}
	}
}

// firstLine is the first line that says something.
func firstLine(text []byte) string {
	var first string
	meaningful(text, func(line string) bool {
		first = line
		return false
	})
	return first
}

// rcFile reads a file with a version on its first line. pyenv takes the first word
// of each line, and the next where one is not installed; goenv takes all words.
func rcFile(runtime string) func(*Prober, string, []byte) ([]found, error) {
	return func(_ *Prober, _ string, text []byte) ([]found, error) {
		f := found{runtime: runtime}
		meaningful(text, func(line string) bool {
			for _, word := range wordsOf(runtime, line) {
				if f.want == "" {
					f.want = word
				} else if len(f.also) < maxAlso {
					f.also = append(f.also, word)
				}
			}
			return runtime == Python || runtime == Go
		})
		if f.want == "" {
			return nil, errors.New("empty")
		}
		return []found{f}, nil
	}
}

// wordsOf are the versions on a line, as the managers of a runtime read it. A range
// is one, whatever blanks are in it.
func wordsOf(runtime, line string) []string {
	if runtime == Node || runtime == Java || runtime == Bun || strings.IndexByte("<>=~!^", line[0]) >= 0 {
		return []string{line}
	}
	words := strings.Fields(line)
	if runtime == Go {
		return words
	}
	return words[:1]
}

// parseToolVersions reads asdf's lines: a tool and its versions.
func parseToolVersions(_ *Prober, _ string, text []byte) ([]found, error) {
	var all []found
	meaningful(text, func(line string) bool {
		words := strings.Fields(line)
		runtime, known := Canonical(strings.TrimSuffix(words[0], ":"))
		if !known || len(words) < 2 || slices.ContainsFunc(all, func(f found) bool { return f.runtime == runtime }) {
			return true
		}
		f := found{runtime: runtime, want: words[1], also: words[2:min(len(words), 2+maxAlso)]}
		if rest := strings.Join(words[1:], " "); isTemplate(rest) {
			f = found{runtime: runtime, want: rest, unknown: true}
		}
		all = append(all, f)
		return true
	})
	return all, nil
}

// sdkmanrc reads SDKMAN's candidate=version lines.
func sdkmanrc(_ *Prober, _ string, text []byte) ([]found, error) {
	var all []found
	meaningful(text, func(line string) bool {
		key, value, found_ := strings.Cut(line, "=")
		if found_ && strings.TrimSpace(key) == "java" && strings.TrimSpace(value) != "" {
			all = append(all, found{runtime: Java, want: strings.TrimSpace(value)})
		}
		return len(all) == 0
	})
	return all, nil
}

// rustToolchain reads rustup's file, which has a toolchain's name or TOML,
// whatever the file is called.
func rustToolchain(_ *Prober, at string, content []byte) ([]found, error) {
	if line := firstLine(content); !strings.ContainsAny(line, "[=") {
		if line == "" {
			return nil, errors.New("empty")
		}
		return []found{{runtime: Rust, want: withoutHost(line)}}, nil
	}
	file, err := parseTOML(content)
	if err != nil {
		return nil, err
	}
	if path := text(in(file, "toolchain", "path")); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(at), path)
		}
		return []found{{runtime: Rust, want: "path:" + path}}, nil
	}
	if channel := text(in(file, "toolchain", "channel")); channel != "" {
		return []found{{runtime: Rust, want: withoutHost(channel)}}, nil
	}
	return nil, nil // components or targets only: the default toolchain stays
}
