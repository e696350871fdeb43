package runtimes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// rcFile reads a file with a version on its first line, and for Python others to
// be tried on the next.
func rcFile(runtime string) func(*Prober, []byte) ([]found, error) {
	return func(_ *Prober, text []byte) ([]found, error) {
		f := found{runtime: runtime}
		meaningful(text, func(line string) bool {
			if f.want == "" {
				f.want = line
			} else if len(f.also) < maxAlso {
				f.also = append(f.also, line)
			}
			return runtime == Python
		})
		if f.want == "" {
			return nil, errors.New("empty")
		}
		return []found{f}, nil
	}
}

// parseToolVersions reads asdf's lines: a tool and its versions.
func parseToolVersions(_ *Prober, text []byte) ([]found, error) {
	var all []found
	meaningful(text, func(line string) bool {
		words := strings.Fields(line)
		runtime, known := Canonical(words[0])
		if !known || len(words) < 2 || slices.ContainsFunc(all, func(f found) bool { return f.runtime == runtime }) {
			return true
		}
		all = append(all, found{runtime: runtime, want: words[1], also: words[2:min(len(words), 2+maxAlso)]})
		return true
	})
	return all, nil
}

// miseTOML reads the tools of mise's configuration: node = "20", node = ["20", "18"],
// node = {version = "20"}.
func miseTOML(_ *Prober, text []byte) ([]found, error) {
	versions := map[string][]string{}
	err := visitTOML(text, func(key []string, value string) {
		if key[0] == "tools" && value != "" && (len(key) == 2 || len(key) == 3 && key[2] == "version") {
			versions[key[1]] = append(versions[key[1]], value)
		}
	})
	if err != nil {
		return nil, err
	}
	var all []found
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		runtime, known := Canonical(strings.TrimPrefix(name, "core:"))
		if v := versions[name]; known {
			all = append(all, found{runtime: runtime, want: v[0], also: v[1:min(len(v), 1+maxAlso)]})
		}
	}
	return all, nil
}

// sdkmanrc reads SDKMAN's candidate=version lines.
func sdkmanrc(_ *Prober, text []byte) ([]found, error) {
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
func rustToolchain(_ *Prober, text []byte) ([]found, error) {
	if line := firstLine(text); !strings.ContainsAny(line, "[=") {
		if line == "" {
			return nil, errors.New("empty")
		}
		return []found{{runtime: Rust, want: withoutHost(line)}}, nil
	}
	var channel, path string
	err := visitTOML(text, func(key []string, value string) {
		switch strings.Join(key, ".") {
		case "toolchain.channel":
			channel = value
		case "toolchain.path":
			path = value
		}
	})
	switch {
	case err != nil:
		return nil, err
	case path != "":
		return []found{{runtime: Rust, want: "path:" + path}}, nil
	case channel != "":
		return []found{{runtime: Rust, want: withoutHost(channel)}}, nil
	}
	return nil, nil // components or targets only: the default toolchain stays
}

// goMod reads the toolchain line, else the go line. Both are the lowest that
// will do: the go command uses a newer one if it is one.
func goMod(_ *Prober, text []byte) ([]found, error) {
	var language, toolchain string
	for b := range bytes.Lines(text) {
		line, _, _ := strings.Cut(string(b), "//")
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		switch words[0] {
		case "go":
			language = cut(words[1])
		case "toolchain":
			if words[1] != "default" {
				toolchain = cut(strings.TrimPrefix(words[1], "go"))
			}
		}
	}
	if toolchain != "" {
		language = toolchain
	}
	if language == "" {
		return nil, nil
	}
	return []found{{runtime: Go, want: language, kind: Floor, fixed: true, demands: true}}, nil
}

// packageJSON reads what a Node package asks for: volta's pin, else devEngines,
// else engines, which demands rather than chooses.
func packageJSON(_ *Prober, text []byte) ([]found, error) {
	type engine struct{ Name, Version string }
	var config struct {
		Volta      map[string]any
		DevEngines struct{ Runtime json.RawMessage }
		Engines    json.RawMessage
	}
	err := json.Unmarshal(text, &config)
	if wrong := new(json.UnmarshalTypeError); err != nil && !errors.As(err, &wrong) {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	// One that is not as it should be leaves the others.
	var engines map[string]any
	_ = json.Unmarshal(config.Engines, &engines)
	var runtimes []engine
	if json.Unmarshal(config.DevEngines.Runtime, &runtimes) != nil {
		var one engine
		_ = json.Unmarshal(config.DevEngines.Runtime, &one)
		runtimes = []engine{one}
	}
	var all []found
	for _, runtime := range []string{Node, Bun} {
		if v, ok := config.Volta[runtime].(string); ok && v != "" && runtime == Node {
			all = append(all, found{runtime: runtime, want: cut(v)})
			continue
		}
		if i := slices.IndexFunc(runtimes, func(e engine) bool { return e.Name == runtime && e.Version != "" }); i >= 0 {
			all = append(all, found{runtime: runtime, want: cut(runtimes[i].Version)})
			continue
		}
		if v, ok := engines[runtime].(string); ok && v != "" {
			f := found{runtime: runtime, want: cut(v), demands: true}
			if f.kind = kindOf(runtime, f.want); f.kind == Pin {
				f.kind = Range // a version that is demanded is not one that is chosen
			}
			f.fixed = true
			all = append(all, f)
		}
	}
	return all, nil
}

// voltaPlatform reads volta's default for all directories.
func voltaPlatform(_ *Prober, text []byte) ([]found, error) {
	var config struct {
		Node struct{ Runtime string }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if config.Node.Runtime == "" {
		return nil, nil
	}
	return []found{{runtime: Node, want: cut(config.Node.Runtime)}}, nil
}
