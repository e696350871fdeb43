package runtimes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type scenario struct {
	name    string
	runtime string
	lines   []string
	want    string
}

func run(t *testing.T, all []scenario) {
	t.Helper()
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			w := newMachine(t, c.lines...)
			require.Equal(t, c.want, w.format(New(w.env()).Active(c.runtime)))
			// A Prober that was made for this runtime only must return the same result as one for all runtimes.
			require.Equal(t, c.want, w.format(New(w.env(), c.runtime).Active(c.runtime)))
		})
	}
}

// TestActive_Files checks the version that each kind of version file selects.
func TestActive_Files(t *testing.T) {
	run(t, []scenario{
		{".nvmrc", Node, with(nodes, `.nvmrc: v20.11.0\n`), "20.11.0 nvm pin v20.11.0 .nvmrc"},
		{".nvmrc with a comment", Node, with(nodes, `.nvmrc: # ours\n\n 20 # newest\n`), "20.11.0 nvm range 20 .nvmrc"},
		{".node-version", Node, with(nodes, `.node-version: 18\r\n`), "18.20.4 nvm range 18 .node-version"},
		{".node-version without a newline", Node, with(nodes, `.node-version: 20.9.0`), "20.9.0 nvm pin 20.9.0 .node-version"},
		{"a byte order mark", Node, with(nodes, ".nvmrc: \xef\xbb\xbf20.9.0\n"), "20.9.0 nvm pin 20.9.0 .nvmrc"},
		{".python-version", Python, []string{`~/.pyenv/versions/3.12.1/`, `.python-version: 3.12.1\n`}, "3.12.1 pyenv pin 3.12.1 .python-version"},
		{".python-version with two", Python, []string{`~/.pyenv/versions/3.11.7/`, `.python-version: 3.12.1\n3.11.7\n`}, "3.11.7 pyenv pin 3.12.1 .python-version"},
		{".python-version with an environment", Python, []string{
			`~/.pyenv/versions/3.12.1/envs/web/`, `~/.pyenv/versions/web -> $HOME/.pyenv/versions/3.12.1/envs/web`, `.python-version: web\n`,
		}, "web pyenv range web .python-version"},
		{".python-version as uv writes it", Python, []string{
			`~/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/`, `.python-version: cpython@3.12\n`,
		}, "3.12.1 uv range cpython@3.12 .python-version"},
		{".ruby-version", Ruby, []string{`~/.rbenv/versions/3.3.0/`, `.ruby-version: ruby-3.3.0\n`}, "3.3.0 rbenv pin ruby-3.3.0 .ruby-version"},
		{".ruby-version of another implementation", Ruby, []string{`~/.rbenv/versions/jruby-9.4.5.0/`, `.ruby-version: jruby-9.4.5.0\n`}, "jruby-9.4.5.0 rbenv pin jruby-9.4.5.0 .ruby-version"},
		{".go-version", Go, []string{`~/.goenv/versions/1.22.1/`, `.go-version: go1.22.1\n`}, "1.22.1 goenv pin go1.22.1 .go-version"},
		{".java-version", Java, []string{`~/.sdkman/candidates/java/21.0.1-tem/`, `.java-version: 21\n`}, "21.0.1-tem sdkman range 21 .java-version"},
		{".java-version 1.8", Java, []string{`~/.sdkman/candidates/java/8.0.392-tem/`, `.java-version: 1.8\n`}, "8.0.392-tem sdkman range 1.8 .java-version"},
		{".sdkmanrc", Java, []string{`~/.sdkman/candidates/java/21.0.1-tem/`, `.sdkmanrc: # x\ngradle=8\njava=21.0.1-tem\n`}, "21.0.1-tem sdkman pin 21.0.1-tem .sdkmanrc"},
		{".bun-version", Bun, []string{`~/.asdf/installs/bun/1.1.0/`, `.bun-version: bun-v1.1.0\n`}, "1.1.0 asdf pin bun-v1.1.0 .bun-version"},
		{"rust-toolchain", Rust, []string{`~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/`, `rust-toolchain: 1.80.0\n`}, "1.80.0 rustup pin 1.80.0 rust-toolchain"},
		{"rust-toolchain with TOML", Rust, []string{`~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/`, `rust-toolchain: [toolchain]\nchannel = "1.80.0"\n`}, "1.80.0 rustup pin 1.80.0 rust-toolchain"},
		{"rust-toolchain.toml", Rust, []string{
			`~/.rustup/toolchains/nightly-2024-05-01-x86_64-unknown-linux-gnu/lib/libLLVM-18-rust-1.80.0-nightly.so: x`,
			`rust-toolchain.toml: [toolchain]\nchannel = "nightly-2024-05-01"\ncomponents = ["rustfmt"]\n`,
		}, "1.80.0-nightly rustup pin nightly-2024-05-01 rust-toolchain.toml"},
		{"rust-toolchain.toml with a path", Rust, []string{`~/rust/stage1/`, `rust-toolchain.toml: [toolchain]\npath = "$HOME/rust/stage1"\n`}, "stage1 path pin path:~/rust/stage1 rust-toolchain.toml"},
		{"rust-toolchain.toml without a channel", Rust, []string{`rust-toolchain.toml: [toolchain]\ncomponents = ["rustfmt"]\n`}, ""},
		{"go.mod with go", Go, []string{`/usr/local/go/VERSION: go1.26.0\n`, `go.mod: module x\n\ngo 1.24\n`}, "1.26.0 system floor 1.24 go.mod"},
		{"go.mod with toolchain", Go, []string{
			`/usr/local/go/VERSION: go1.24.0\n`, `~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.3.` + platform() + `/`,
			`go.mod: module x\ngo 1.24\ntoolchain go1.24.3 // pinned\n`,
		}, "1.24.3 go floor 1.24.3 go.mod"},
		{"go.mod that is newer than everything", Go, []string{`/usr/local/go/VERSION: go1.24.0\n`, `go.mod: go 1.25.1\n`}, "1.25.1 missing floor 1.25.1 go.mod"},
		{"go.mod with toolchain default", Go, []string{`/usr/local/go/VERSION: go1.24.0\n`, `go.mod: go 1.23\ntoolchain default\n`}, "1.24.0 system floor 1.23 go.mod"},
		{"package.json volta", Node, with(nodes, `package.json: {"volta":{"node":"20.9.0"},"devEngines":{"runtime":{"name":"node","version":"18"}},"engines":{"node":">=21"}}`), "20.9.0 nvm pin 20.9.0 package.json"},
		{"package.json devEngines", Node, with(nodes, `package.json: {"devEngines":{"runtime":{"name":"node","version":"^20.1"}},"engines":{"node":">=21"}}`), "20.11.0 nvm range ^20.1 package.json"},
		{"package.json devEngines, several", Node, with(nodes, `package.json: {"devEngines":{"runtime":[{"name":"bun","version":"1"},{"name":"node","version":"18"}]}}`), "18.20.4 nvm range 18 package.json"},
		{"package.json engines", Node, with(nodes, `package.json: {"engines":{"node":">=18"}}`), "21.0.0 nvm floor >=18 package.json"},
		{"package.json engines for bun", Bun, []string{`~/.asdf/installs/bun/1.1.0/`, `package.json: {"engines":{"bun":"^1.0.0"}}`}, "1.1.0 asdf range ^1.0.0 package.json"},
		{"package.json of the wrong type", Node, with(nodes, `package.json: {"volta":7,"engines":["node"],"devEngines":{"runtime":{"name":"node","version":"18"}}}`), "18.20.4 nvm range 18 package.json"},
		{"package.json without a version", Node, with(nodes, `package.json: {"name":"x"}`), ""},
		{"mise.toml", Node, with(nodes, `mise.toml: [tools]\nnode = "20"\n`), "20.11.0 nvm range 20 mise.toml"},
		{"mise.toml with a number", Node, with(nodes, `mise.toml: [tools]\nnode = 20\n`), "20.11.0 nvm range 20 mise.toml"},
		{"mise.toml with several", Node, with(nodes, `mise.toml: [tools]\nnode = ["16", "18"]\n`), "18.20.4 nvm range 16 mise.toml"},
		{"mise.toml with a table", Node, with(nodes, `mise.toml: [tools]\nnode = {version = "18", postinstall = "x"}\n`), "18.20.4 nvm range 18 mise.toml"},
		{"mise.toml with tables", Node, with(nodes, `mise.toml: [[tools.node]]\nversion = "18"\n`), "18.20.4 nvm range 18 mise.toml"},
		{"mise.toml core:", Node, with(nodes, `mise.toml: [tools]\n"core:node" = "18"\n`), "18.20.4 nvm range 18 mise.toml"},
		{"mise.toml without tools", Node, with(nodes, `mise.toml: [env]\nX = "1"\n`), ""},
		{".tool-versions", Node, with(nodes, `.tool-versions: # tools\nterraform 1.0\nnodejs 20.9.0 18 # x\n`), "20.9.0 nvm pin 20.9.0 .tool-versions"},
		{".tool-versions with alternatives", Node, with(nodes, `.tool-versions: nodejs 16.0.0 18\n`), "18.20.4 nvm pin 16.0.0 .tool-versions"},
		{".tool-versions golang", Go, []string{`~/.asdf/installs/golang/1.22.1/`, `.tool-versions: golang 1.22.1\n`}, "1.22.1 asdf pin 1.22.1 .tool-versions"},
	})
}

// TestActive_AliasesAndRanges checks the versions that aliases and ranges select.
func TestActive_AliasesAndRanges(t *testing.T) {
	nvmrc := func(want string, more ...string) []string { return with(nodes, append(more, ".nvmrc: "+want)...) }
	run(t, []scenario{
		{"lts/*", Node, nvmrc("lts/*"), "20.11.0 nvm range lts/* .nvmrc"},
		{"lts", Node, nvmrc("lts"), "20.11.0 nvm range lts .nvmrc"},
		{"lts/hydrogen", Node, nvmrc("lts/hydrogen"), "18.20.4 nvm range lts/hydrogen .nvmrc"},
		{"lts-iron", Node, nvmrc("lts-iron"), "20.11.0 nvm range lts-iron .nvmrc"},
		{"lts/Hydrogen", Node, nvmrc("lts/Hydrogen"), "18.20.4 nvm range lts/Hydrogen .nvmrc"},
		{"an LTS that is not installed", Node, nvmrc("lts/argon"), "lts/argon missing range lts/argon .nvmrc"},
		{"an LTS that only nvm knows", Node, nvmrc("lts/*", "~/.nvm/versions/node/v26.1.0/bin/node: x", `~/.nvm/alias/lts/*: lts/later`, `~/.nvm/alias/lts/later: v26.1.0\n`), "26.1.0 nvm range lts/* .nvmrc"},
		{"the name of an LTS that only nvm knows", Node, nvmrc("lts/later", "~/.nvm/versions/node/v26.1.0/bin/node: x", `~/.nvm/alias/lts/later: v26.1.0\n`), "26.1.0 nvm range lts/later .nvmrc"},
		{"an alias of nvm's", Node, nvmrc("work", `~/.nvm/alias/work: other\n`, `~/.nvm/alias/other: 18\n`), "18.20.4 nvm range work .nvmrc"},
		{"a loop of nvm's aliases", Node, nvmrc("a", `~/.nvm/alias/a: b\n`, `~/.nvm/alias/b: a\n`), "a missing range a .nvmrc"},
		{"an alias with ..", Node, nvmrc("../../../secret", `~/.nvm/alias/x: 1`, `~/secret: 18`), "../../../secret missing range ../../../secret .nvmrc"},
		{"latest", Node, nvmrc("latest"), "21.0.0 nvm range latest .nvmrc"},
		{"node", Node, nvmrc("node"), "21.0.0 nvm range node .nvmrc"},
		{"stable", Node, nvmrc("stable"), "21.0.0 nvm range stable .nvmrc"},
		{"latest:20", Node, nvmrc("latest:20"), "20.11.0 nvm range latest:20 .nvmrc"},
		{"prefix:20.9", Node, nvmrc("prefix:20.9"), "20.9.0 nvm range prefix:20.9 .nvmrc"},
		{"system", Node, nvmrc("system", "/var/lib/pacman/local/nodejs-24.1.0-1/"), "24.1.0 system range system .nvmrc"},
		{"system without a system package", Node, nvmrc("system"), "system missing range system .nvmrc"},
		{"path:", Node, nvmrc("path:~/n/14", "~/n/14/"), "14 path pin path:~/n/14 .nvmrc"},
		{"path: of a missing directory", Node, nvmrc("path:~/n/14"), "path:~/n/14 missing pin path:~/n/14 .nvmrc"},
		{"ref:", Node, nvmrc("ref:main", "~/.asdf/installs/nodejs/ref-main/"), "ref-main asdf pin ref:main .nvmrc"},
		{"^18", Node, nvmrc("^18"), "18.20.4 nvm range ^18 .nvmrc"},
		{"~20.9", Node, nvmrc("~20.9"), "20.9.0 nvm range ~20.9 .nvmrc"},
		{">=18 <21", Node, nvmrc(">=18 <21"), "20.11.0 nvm range >=18 <21 .nvmrc"},
		{">= 18.0.0", Node, nvmrc(">= 18.0.0"), "21.0.0 nvm floor >= 18.0.0 .nvmrc"},
		{"18.x || 16", Node, nvmrc("18.x || 16"), "18.20.4 nvm range 18.x || 16 .nvmrc"},
		{"16 - 18", Node, nvmrc("16 - 18"), "18.20.4 nvm range 16 - 18 .nvmrc"},
		{"*", Node, nvmrc("*"), "21.0.0 nvm range * .nvmrc"},
		{"a range without an installed version", Node, nvmrc(">=90"), ">=90 missing floor >=90 .nvmrc"},
		{"a pre-release by its full version", Node, nvmrc("22.0.0-rc.1"), "22.0.0-rc.1 nvm pin 22.0.0-rc.1 .nvmrc"},
		{"a number does not match a pre-release", Node, nvmrc("22"), "22 missing range 22 .nvmrc"},
		{"a pin that is not installed", Node, nvmrc("20.1.0"), "20.1.0 missing pin 20.1.0 .nvmrc"},
		{"20.1 is not 20.11", Node, nvmrc("20.1"), "20.1 missing range 20.1 .nvmrc"},
		{"a python version prefers CPython", Python, []string{`~/.pyenv/versions/pypy3.10-7.3.12/`, `~/.pyenv/versions/miniconda3-3.10.9/`, `~/.pyenv/versions/3.10.1/`, `.python-version: 3.10`}, "3.10.1 pyenv range 3.10 .python-version"},
		{"another python implementation by name", Python, []string{`~/.pyenv/versions/pypy3.10-7.3.12/`, `.python-version: pypy3.10`}, "pypy3.10-7.3.12 pyenv range pypy3.10 .python-version"},
		{"python's ~=", Python, []string{`~/.pyenv/versions/3.12.1/`, `~/.pyenv/versions/3.14.0/`, `.python-version: ~=3.12.0`}, "3.12.1 pyenv range ~=3.12.0 .python-version"},
		{"a version does not match a free-threaded python", Python, []string{`~/.pyenv/versions/3.13.1t/`, `~/.pyenv/versions/3.13.0/`, `.python-version: 3.13`}, "3.13.0 pyenv range 3.13 .python-version"},
		{"java of a vendor", Java, []string{`~/.local/share/mise/installs/java/temurin-21.0.1/`, `~/.local/share/mise/installs/java/zulu-21.0.5/`, `.java-version: temurin-21`}, "temurin-21.0.1 mise range temurin-21 .java-version"},
		{"stable rust", Rust, []string{`~/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/lib/libLLVM-22-rust-1.95.0-stable.so: x`, `rust-toolchain: stable`}, "1.95.0 rustup range stable rust-toolchain"},
		{"stable rust with an old library name", Rust, []string{`~/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/lib/libLLVM.so.18.1-rust-1.78.0-stable: x`, `rust-toolchain: stable`}, "1.78.0 rustup range stable rust-toolchain"},
		{"stable rust without a known version", Rust, []string{`~/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/`, `rust-toolchain: stable`}, "stable rustup range stable rust-toolchain"},
		{"rust 1.80 in quotes, which rustup rejects", Rust, []string{`~/.rustup/toolchains/1.80-x86_64-unknown-linux-gnu/lib/libLLVM-18-rust-1.80.1-stable.so: x`, `rust-toolchain: "1.80"`, `rust-toolchain.toml: x`}, `"1.80" missing pin "1.80" rust-toolchain`},
		{"rust 1.81", Rust, []string{`~/.rustup/toolchains/1.81-x86_64-unknown-linux-gnu/lib/libLLVM-18-rust-1.81.0-stable.so: x`, `rust-toolchain: 1.81`}, "1.81.0 rustup range 1.81 rust-toolchain"},
		{"rust beta that is not installed", Rust, []string{`rust-toolchain: beta`}, "beta missing range beta rust-toolchain"},
		{"go 1.22", Go, []string{`~/.goenv/versions/1.22.9/`, `~/.goenv/versions/1.22.10/`, `.go-version: 1.22`}, "1.22.10 goenv range 1.22 .go-version"},
	})
}

// TestActive_Environment checks the version that each environment variable selects.
func TestActive_Environment(t *testing.T) {
	python := []string{`~/.pyenv/versions/3.12.1/`, `~/.pyenv/versions/3.11.7/`, `.python-version: 3.11.7`}
	venv := func(cfg string) []string { return with(python, "$VIRTUAL_ENV=$HOME/v", "~/v/pyvenv.cfg: "+cfg) }
	run(t, []scenario{
		{"PYENV_VERSION", Python, with(python, "$PYENV_VERSION=3.12.1"), "3.12.1 pyenv pin 3.12.1 $PYENV_VERSION"},
		{"PYENV_VERSION, several", Python, with(python, "$PYENV_VERSION=3.9.0:3.12.1"), "3.12.1 pyenv pin 3.9.0 $PYENV_VERSION"},
		{"PYENV_VERSION, empty", Python, with(python, "$PYENV_VERSION="), "3.11.7 pyenv pin 3.11.7 .python-version"},
		{"VIRTUAL_ENV", Python, venv(`home = /usr/bin\nversion = 3.12.1\n`), "3.12.1 venv pin 3.12.1 $VIRTUAL_ENV"},
		{"VIRTUAL_ENV of uv", Python, venv(`uv = 0.4\nversion_info = 3.13.2\n`), "3.13.2 venv pin 3.13.2 $VIRTUAL_ENV"},
		{"VIRTUAL_ENV of virtualenv", Python, venv(`version_info = 3.12.1.final.0\n`), "3.12.1 venv pin 3.12.1 $VIRTUAL_ENV"},
		{"VIRTUAL_ENV comes before PYENV_VERSION", Python, with(venv(`version = 3.13.2\n`), "$PYENV_VERSION=3.12.1"), "3.13.2 venv pin 3.13.2 $VIRTUAL_ENV"},
		{"VIRTUAL_ENV of a missing directory", Python, with(python, "$VIRTUAL_ENV=$HOME/gone"), "gone missing pin gone $VIRTUAL_ENV"},
		{"RUSTUP_TOOLCHAIN", Rust, []string{`~/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/`, "rust-toolchain: stable", "$RUSTUP_TOOLCHAIN=nightly-x86_64-unknown-linux-gnu"}, "nightly rustup range nightly $RUSTUP_TOOLCHAIN"},
		{"GOTOOLCHAIN", Go, []string{`/usr/local/go/VERSION: go1.26.0`, `go.mod: go 1.25`, `~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.3.` + platform() + `/`, "$GOTOOLCHAIN=go1.24.3"}, "1.24.3 go pin 1.24.3 $GOTOOLCHAIN"},
		{"GOTOOLCHAIN +auto", Go, []string{`/usr/local/go/VERSION: go1.26.0`, "$GOTOOLCHAIN=go1.24.3+auto"}, "1.24.3 missing pin 1.24.3 $GOTOOLCHAIN"},
		{"GOTOOLCHAIN=local", Go, []string{`/usr/local/go/VERSION: go1.24.0`, `go.mod: go 1.25`, "$GOTOOLCHAIN=local"}, "1.24.0 system floor 1.25 go.mod differs"},
		{"GOTOOLCHAIN=auto", Go, []string{`/usr/local/go/VERSION: go1.24.0`, `go.mod: go 1.25`, "$GOTOOLCHAIN=auto"}, "1.25.0 missing floor 1.25 go.mod"},
		{"go env -w", Go, []string{`/usr/local/go/VERSION: go1.26.0`, `~/.config/go/env: GOFLAGS=-x\nGOTOOLCHAIN=go1.24.3\n`}, "1.24.3 missing pin 1.24.3 ~/.config/go/env"},
		{"GOENV=off", Go, []string{`/usr/local/go/VERSION: go1.26.0`, `~/.config/go/env: GOTOOLCHAIN=go1.24.3\n`, "$GOENV=off"}, "1.26.0 system"},
		{"GOENV_VERSION", Go, []string{`~/.goenv/versions/1.22.1/`, "$GOENV_VERSION=1.22.1"}, "1.22.1 goenv pin 1.22.1 $GOENV_VERSION"},
		{"RBENV_VERSION", Ruby, []string{`~/.rbenv/versions/3.3.0/`, "$RBENV_VERSION=3.3.0", ".ruby-version: 3.2.0"}, "3.3.0 rbenv pin 3.3.0 $RBENV_VERSION"},
		{"JAVA_HOME", Java, []string{`~/jdk/release: JAVA_VERSION="25.0.3"\n`, "$JAVA_HOME=$HOME/jdk", ".java-version: 17"}, "25.0.3 JAVA_HOME pin 25.0.3 $JAVA_HOME"},
		{"JAVA_HOME of a missing directory", Java, []string{"$JAVA_HOME=$HOME/jdk-17"}, "jdk-17 missing pin jdk-17 $JAVA_HOME"},
		{"a relative JAVA_HOME", Java, []string{"$JAVA_HOME=jdk"}, ""},
		{"JAVA_HOME as SDKMAN always sets it", Java, []string{
			`~/.sdkman/candidates/java/21.0.1-tem/release: JAVA_VERSION="21.0.1"\n`, `~/.sdkman/candidates/java/17.0.9-tem/`, `~/.sdkman/candidates/java/current -> 21.0.1-tem`,
			"$JAVA_HOME=$HOME/.sdkman/candidates/java/current", ".sdkmanrc: java=17.0.9-tem",
		}, "17.0.9-tem sdkman pin 17.0.9-tem .sdkmanrc"},
		{"ASDF_NODEJS_VERSION", Node, with(nodes, "$ASDF_NODEJS_VERSION=20.9.0 18", ".nvmrc: 18"), "20.9.0 nvm pin 20.9.0 $ASDF_NODEJS_VERSION"},
		{"ASDF_GOLANG_VERSION", Go, []string{`~/.asdf/installs/golang/1.22.1/`, "$ASDF_GOLANG_VERSION=1.22.1"}, "1.22.1 asdf pin 1.22.1 $ASDF_GOLANG_VERSION"},
		{"ASDF_PYTHON_VERSION", Python, with(python, "$ASDF_PYTHON_VERSION=3.12.1"), "3.12.1 pyenv pin 3.12.1 $ASDF_PYTHON_VERSION"},
		{"ASDF_RUBY_VERSION", Ruby, []string{"$ASDF_RUBY_VERSION=3"}, "3 missing range 3 $ASDF_RUBY_VERSION"},
		{"ASDF_JAVA_VERSION", Java, []string{"$ASDF_JAVA_VERSION=21"}, "21 missing range 21 $ASDF_JAVA_VERSION"},
		{"ASDF_RUST_VERSION", Rust, []string{"$ASDF_RUST_VERSION=1.80.0"}, "1.80.0 missing pin 1.80.0 $ASDF_RUST_VERSION"},
		{"ASDF_BUN_VERSION", Bun, []string{"$ASDF_BUN_VERSION=1.1.0"}, "1.1.0 missing pin 1.1.0 $ASDF_BUN_VERSION"},
		{"MISE_NODE_VERSION comes before ASDF's", Node, with(nodes, "$MISE_NODE_VERSION=20.9.0", "$ASDF_NODEJS_VERSION=18"), "20.9.0 nvm pin 20.9.0 $MISE_NODE_VERSION"},
		{"MISE_PYTHON_VERSION", Python, with(python, "$MISE_PYTHON_VERSION=3.12"), "3.12.1 pyenv range 3.12 $MISE_PYTHON_VERSION"},
		{"MISE_GO_VERSION", Go, []string{"$MISE_GO_VERSION=1.22.1"}, "1.22.1 missing pin 1.22.1 $MISE_GO_VERSION"},
		{"NVM_BIN without a declaration", Node, with(nodes, "$NVM_BIN=$HOME/.nvm/versions/node/v18.20.4/bin"), "18.20.4 nvm pin 18.20.4 $NVM_BIN"},
		{"NVM_BIN and .nvmrc", Node, with(nodes, "$NVM_BIN=$HOME/.nvm/versions/node/v18.20.4/bin", ".nvmrc: 20"), "18.20.4 nvm range 20 .nvmrc differs"},
		{"FNM_MULTISHELL_PATH", Node, []string{
			"~/.local/share/fnm/node-versions/v20.1.0/installation/", "~/multi -> $HOME/.local/share/fnm/node-versions/v20.1.0/installation", "$FNM_MULTISHELL_PATH=$HOME/multi",
		}, "20.1.0 fnm pin 20.1.0 $FNM_MULTISHELL_PATH"},
	})
}

// TestActive_GlobalFiles checks the version that each manager's global file selects, and which file takes precedence.
func TestActive_GlobalFiles(t *testing.T) {
	run(t, []scenario{
		{"mise", Node, with(nodes, `~/.config/mise/config.toml: [tools]\nnode = "18"\n`, `~/.nvm/alias/default: 20\n`), "18.20.4 nvm range 18 ~/.config/mise/config.toml"},
		{"mise conf.d", Node, with(nodes, `~/.config/mise/conf.d/a.toml: [tools]\nnode = "20"\n`, `~/.config/mise/conf.d/b.toml: [tools]\nnode = "18"\n`), "18.20.4 nvm range 18 ~/.config/mise/conf.d/b.toml"},
		{"MISE_CONFIG_DIR", Node, with(nodes, `~/m/config.toml: [tools]\nnode = "18"\n`, "$MISE_CONFIG_DIR=$HOME/m"), "18.20.4 nvm range 18 ~/m/config.toml"},
		{"MISE_GLOBAL_CONFIG_FILE", Node, with(nodes, `~/m.toml: [tools]\nnode = "18"\n`, "$MISE_GLOBAL_CONFIG_FILE=$HOME/m.toml"), "18.20.4 nvm range 18 ~/m.toml"},
		{"mise for all users", Node, with(nodes, `/etc/mise/config.toml: [tools]\nnode = "18"\n`), "18.20.4 nvm range 18 /etc/mise/config.toml"},
		{"asdf", Node, with(nodes, `~/.tool-versions: nodejs 18.20.4\n`), "18.20.4 nvm pin 18.20.4 ~/.tool-versions"},
		{"nvm", Node, with(nodes, `~/.nvm/alias/default: lts/*\n`), "20.11.0 nvm range lts/* ~/.nvm/alias/default"},
		{"nvm in XDG_CONFIG_HOME", Node, []string{"$XDG_CONFIG_HOME=$HOME/.config", "~/.config/nvm/versions/node/v18.20.4/bin/node: x", `~/.config/nvm/alias/default: 18\n`}, "18.20.4 nvm range 18 ~/.config/nvm/alias/default"},
		{"fnm", Node, []string{
			"~/.local/share/fnm/node-versions/v20.1.0/installation/", "~/.local/share/fnm/aliases/default -> $HOME/.local/share/fnm/node-versions/v20.1.0/installation",
		}, "20.1.0 fnm pin 20.1.0 ~/.local/share/fnm/aliases/default"},
		{"fnm in its old directory", Node, []string{"~/.fnm/node-versions/v20.1.0/installation/", "~/.fnm/aliases/default -> ../node-versions/v20.1.0/installation"}, "20.1.0 fnm pin 20.1.0 ~/.fnm/aliases/default"},
		{"volta", Node, []string{"~/.volta/tools/image/node/20.5.1/", `~/.volta/tools/user/platform.json: {"node":{"runtime":"20.5.1","npm":null},"pnpm":null}`}, "20.5.1 volta pin 20.5.1 ~/.volta/tools/user/platform.json"},
		{"volta without a default", Node, []string{"~/.volta/tools/image/node/20.5.1/", `~/.volta/tools/user/platform.json: {}`}, ""},
		{"pyenv", Python, []string{"~/.pyenv/versions/3.12.1/", `~/.pyenv/version: 3.12.1\n`}, "3.12.1 pyenv pin 3.12.1 ~/.pyenv/version"},
		{"PYENV_ROOT", Python, []string{"~/p/versions/3.12.1/", `~/p/version: 3.12.1\n`, "$PYENV_ROOT=$HOME/p"}, "3.12.1 pyenv pin 3.12.1 ~/p/version"},
		{"uv", Python, []string{"~/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/", `~/.config/uv/.python-version: 3.12\n`}, "3.12.1 uv range 3.12 ~/.config/uv/.python-version"},
		{"rbenv", Ruby, []string{"~/.rbenv/versions/3.3.0/", `~/.rbenv/version: 3.3.0\n`}, "3.3.0 rbenv pin 3.3.0 ~/.rbenv/version"},
		{"goenv", Go, []string{"~/.goenv/versions/1.22.1/", `~/.goenv/version: 1.22.1\n`}, "1.22.1 goenv pin 1.22.1 ~/.goenv/version"},
		{"rustup", Rust, []string{"~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/", `~/.rustup/settings.toml: version = "12"\ndefault_toolchain = "1.80.0-x86_64-unknown-linux-gnu"\n`}, "1.80.0 rustup pin 1.80.0 ~/.rustup/settings.toml"},
		{"rustup override", Rust, []string{
			"~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/", `~/.rustup/settings.toml: default_toolchain = "stable"\n[overrides]\n"$HOME/src" = "1.80.0-x86_64-unknown-linux-gnu"\n`,
		}, "1.80.0 rustup pin 1.80.0 ~/.rustup/settings.toml"},
		{"rust-toolchain below a rustup override", Rust, []string{
			"~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/", "~/.rustup/toolchains/1.81.0-x86_64-unknown-linux-gnu/", `~/.rustup/settings.toml: [overrides]\n"$HOME/src" = "1.80.0-x86_64-unknown-linux-gnu"\n`, "rust-toolchain: 1.81.0",
		}, "1.81.0 rustup pin 1.81.0 rust-toolchain"},
		{"SDKMAN", Java, []string{`~/.sdkman/candidates/java/21.0.1-tem/`, `~/.sdkman/candidates/java/current -> 21.0.1-tem`}, "21.0.1-tem sdkman pin 21.0.1-tem ~/.sdkman/candidates/java/current"},
		{"omg's current", Node, []string{`~/.local/share/omg/versions/node/20.5.0/`, `~/.local/share/omg/versions/node/current -> 20.5.0`, "/var/lib/pacman/local/nodejs-24.1.0-1/"}, "20.5.0 omg pin 20.5.0 ~/.local/share/omg/versions/node/current"},
		{"omg's current without its target", Node, []string{`~/.local/share/omg/versions/node/current -> 20.5.0`}, "20.5.0 missing pin 20.5.0 ~/.local/share/omg/versions/node/current"},
		{"omg's current to a version of nvm's", Node, with(nodes, `~/.local/share/omg/versions/node/current -> $HOME/.nvm/versions/node/v18.20.4`), "18.20.4 nvm pin 18.20.4 ~/.local/share/omg/versions/node/current"},
		{"omg's current to a missing version of fnm's", Node, []string{`~/.local/share/omg/versions/node/current -> $HOME/.fnm/node-versions/v18.20.4/installation`}, "18.20.4 missing pin 18.20.4 ~/.local/share/omg/versions/node/current"},
		{"global files come before current", Node, with(nodes, `~/.nvm/alias/default: 20\n`, `~/.local/share/omg/versions/node/18.0.0/`, `~/.local/share/omg/versions/node/current -> 18.0.0`), "20.11.0 nvm range 20 ~/.nvm/alias/default"},
		{"the system's package", Node, []string{"/var/lib/pacman/local/nodejs-24.1.0-1/"}, "24.1.0 system"},
		{"an LTS package", Node, []string{"/var/lib/pacman/local/nodejs-lts-jod-22.14.0-2/"}, "22.14.0 system"},
		{"a package with an epoch", Go, []string{"/var/lib/pacman/local/go-2:1.26.0-1/"}, "1.26.0 system"},
		{"other packages", Python, []string{"/var/lib/pacman/local/python-3.13.1-1/", "/var/lib/pacman/local/python-pip-24.0-1/", "/var/lib/pacman/local/ALPM_DB_VERSION: 9"}, "3.13.1 system"},
		{"ruby", Ruby, []string{"/var/lib/pacman/local/ruby-3.4.1-1/"}, "3.4.1 system"},
		{"rust", Rust, []string{"/var/lib/pacman/local/rust-1:1.85.0-1/", "/var/lib/pacman/local/rustup-1.28.0-1/"}, "1.85.0 system"},
		{"bun", Bun, []string{"/var/lib/pacman/local/bun-bin-1.2.0-1/"}, "1.2.0 system"},
		{"the default java", Java, []string{
			`/usr/lib/jvm/java-21-openjdk/release: IMPLEMENTOR="x"\nJAVA_VERSION="21.0.5"\n`, `/usr/lib/jvm/java-17-openjdk/release: JAVA_VERSION="17.0.9"\n`, "/usr/lib/jvm/default -> java-17-openjdk",
		}, "17.0.9 system"},
		{"a java that is not the default", Java, []string{
			`/usr/lib/jvm/java-21-openjdk/release: JAVA_VERSION="21.0.5"\n`, `/usr/lib/jvm/java-17-openjdk/release: JAVA_VERSION="17.0.9"\n`, "/usr/lib/jvm/default -> java-17-openjdk", ".java-version: 21",
		}, "21.0.5 system range 21 .java-version"},
		{"nothing", Node, nil, ""},
	})
}

func TestSystem_StatusFileFirst(t *testing.T) {
	w := newMachine(t, "/var/lib/pacman/local/nodejs-24.1.0-1/")
	env := w.env()
	env.SystemVersions = map[string]string{Node: "24.0.0"}
	require.Equal(t, "24.0.0 system", w.format(New(env).Active(Node)))
}

// TestActive_OrderInsideDirectory checks the precedence of the files in one directory.
func TestActive_OrderInsideDirectory(t *testing.T) {
	var files []string
	for _, name := range miseEnvFilePatterns {
		files = append(files, strings.Replace(name, "*", "dev", 1))
	}
	files = append(files, miseConfigPaths...)
	files = append(files, toolVersionsFile, ".nvmrc", ".node-version", "package.json")
	require.Greater(t, len(files), 20)
	for i := range files {
		t.Run(files[i], func(t *testing.T) {
			w := newMachine(t, "$MISE_ENV=dev")
			for j, name := range files[i:] {
				path, version := name, "1.0.0"
				if j > 0 {
					version = "2.0.0"
				}
				text := version
				switch {
				case strings.HasSuffix(name, "conf.d"):
					path = name + "/x.toml"
					text = `[tools]\nnode = "` + version + `"`
				case strings.HasSuffix(name, ".toml"):
					text = `[tools]\nnode = "` + version + `"`
				case name == toolVersionsFile:
					text = "nodejs " + version
				case name == "package.json":
					text = `{"volta":{"node":"` + version + `"}}`
				}
				w.add(t, path+": "+text)
				if j == 0 {
					w.add(t, "~/.nvm/versions/node/v1.0.0/bin/node: x")
					files[i] = path
				}
			}
			require.Equal(t, "1.0.0 nvm pin 1.0.0 "+files[i], w.format(New(w.env()).Active(Node)))
		})
	}
}

func TestParseRustToolchain_Suffix(t *testing.T) {
	run(t, []scenario{{"both", Rust, []string{"rust-toolchain: 1.80.0", `rust-toolchain.toml: [toolchain]\nchannel = "1.81.0"\n`}, "1.80.0 missing pin 1.80.0 rust-toolchain"}})
}

func TestDeclared_NearestDirectory(t *testing.T) {
	run(t, []scenario{
		{"any file in a directory before all files above", Node, with(nodes, ".nvmrc: 18", `~/src/mise.toml: [tools]\nnode = "20"\n`), "18.20.4 nvm range 18 .nvmrc"},
		{"the parent's file if the directory has no declaration", Node, with(nodes, ".ruby-version: 3", `~/src/mise.toml: [tools]\nnode = "20"\n`), "20.11.0 nvm range 20 ~/src/mise.toml"},
		{"a file in the home directory", Node, with(nodes, "~/.nvmrc: 18"), "18.20.4 nvm range 18 ~/.nvmrc"},
		{"a file above the home directory is ignored", Node, with(nodes, "/home/.nvmrc: 18"), ""},
		{"a broken file is ignored", Node, with(nodes, "mise.toml: [tools", ".nvmrc: 18"), "18.20.4 nvm range 18 .nvmrc"},
		{"an empty file is ignored", Node, with(nodes, ".node-version: \n", ".nvmrc: 18"), "18.20.4 nvm range 18 .nvmrc"},
		{"a floor that the parent's choice satisfies", Node, with(nodes, `package.json: {"engines":{"node":">=18"}}`, "~/src/.nvmrc: 20.9.0"), "20.9.0 nvm floor >=18 package.json"},
		{"a floor that the parent's choice does not satisfy", Node, with(nodes, `package.json: {"engines":{"node":">=20.10"}}`, "~/src/.nvmrc: 20.9.0"), "21.0.0 nvm floor >=20.10 package.json"},
		{"a floor and a choice that is not installed", Node, with(nodes, `package.json: {"engines":{"node":">=18"}}`, "~/src/.nvmrc: 19"), "19 missing range 19 ~/src/.nvmrc"},
		{"a floor that the global choice satisfies", Go, []string{`~/.goenv/versions/1.25.0/`, `~/.goenv/version: 1.25.0`, "go.mod: go 1.24"}, "1.25.0 goenv floor 1.24 go.mod"},
		{"go.mod beside .go-version", Go, []string{`~/.goenv/versions/1.25.0/`, `.go-version: 1.25.0`, "go.mod: go 1.26"}, "1.26.0 missing floor 1.26 go.mod"},
	})
}

func TestActive_SearchEnds(t *testing.T) {
	w := newMachine(t, with(nodes, "/home/.nvmrc: 18", "~/src/.ruby-version: 3.3.0")...)
	env := w.env()
	env.Top = w.root
	require.Equal(t, "18.20.4 nvm range 18 /home/.nvmrc", w.format(New(env).Active(Node)))
	env.Top = w.dir
	require.Equal(t, "", w.format(New(env).Active(Ruby)))
	env = w.env()
	env.Dir = filepath.Join(w.root, "home")
	require.Equal(t, "18.20.4 nvm range 18 /home/.nvmrc", w.format(New(env).Active(Node)), "outside of the home directory, the search ends at /")
	env.Dir = "relative"
	require.Equal(t, "", w.format(New(env).Active(Node)))
}

func TestActive_NoDir(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 20", "$MISE_NODE_VERSION=18", "$NVM_BIN=$HOME/.nvm/versions/node/v18.20.4/bin", "~/.nvm/alias/default: 21")...)
	env := w.env()
	env.Dir = ""
	require.Equal(t, "21.0.0 nvm range 21 ~/.nvm/alias/default", w.format(New(env).Active(Node)))
}

func TestAll(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 20", "/var/lib/pacman/local/python-3.13.1-1/")...)
	var all []string
	for _, a := range New(w.env()).AllActive() {
		all = append(all, a.Runtime+" "+a.Version)
	}
	require.Equal(t, []string{"node 20.11.0", "python 3.13.1"}, all)
	require.Equal(t, Names(), New(w.env()).Names())
	require.Empty(t, New(Env{Root: t.TempDir()}).AllActive(), "without Home and Dir, only the system's packages count")
	_, err := os.Stat(filepath.Join(w.home, ".local"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is written")
}
