package runtimes

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var miseNodes = []string{
	"~/.local/share/mise/installs/node/16.2.0/bin/node: x", "~/.local/share/mise/installs/node/18.19.0/bin/node: x",
	"~/.local/share/mise/installs/node/20.5.0/bin/node: x", "~/.local/share/mise/installs/node/20.10.0/bin/node: x",
}

// TestActive_Mise checks that the results for mise's files are those of mise 2026.9.
func TestActive_Mise(t *testing.T) {
	lock := `[[tools.node]]\nversion = "20.5.0"\n[[tools.node]]\nversion = "16.2.0"\n`
	twenty, eighteen, sixteen := `[tools]\nnode = "20"\n`, `[tools]\nnode = "18"\n`, `[tools]\nnode = "16"\n`
	run(t, []scenario{
		{"mise.lock", Node, with(miseNodes, "mise.toml: "+twenty, "mise.lock: "+lock), "20.5.0 mise range 20 mise.toml"},
		{"a lock file with another version", Node, with(miseNodes, "mise.toml: "+eighteen, "mise.lock: "+lock), "18.19.0 mise range 18 mise.toml"},
		{"a locked version that is not installed", Node, with(miseNodes, "mise.toml: "+twenty, `mise.lock: [[tools.node]]\nversion = "20.7.0"\n`), "20.7.0 missing range 20 mise.toml"},
		{"latest selects the newest locked version", Node, with(miseNodes, `mise.toml: [tools]\nnode = "latest"\n`, `mise.lock: [[tools.node]]\nversion = "18.19.0"\n[[tools.node]]\nversion = "20.5.0"\n`), "20.5.0 mise range latest mise.toml"},
		{"a prefix does not match 20.10", Node, with(miseNodes, `mise.toml: [tools]\nnode = {prefix = "20.1"}\n`, `mise.lock: [[tools.node]]\nversion = "20.10.0"\n`), "20.1 missing range prefix:20.1 mise.toml"},
		{"a lock file in .mise", Node, with(miseNodes, ".mise/config.toml: "+twenty, ".mise/mise.lock: "+lock, `mise.lock: [[tools.node]]\nversion = "20.10.0"\n`), "20.5.0 mise range 20 .mise/config.toml"},
		{"a lock file beside conf.d", Node, with(miseNodes, ".config/mise/conf.d/a.toml: "+twenty, ".config/mise/mise.lock: "+lock), "20.5.0 mise range 20 .config/mise/conf.d/a.toml"},
		{"the lock file of an environment", Node, with(miseNodes, "mise.ci.toml: "+twenty, "mise.ci.lock: "+lock, "$MISE_ENV=ci"), "20.5.0 mise range 20 mise.ci.toml"},
		{"a local lock file", Node, with(miseNodes, "mise.local.toml: "+twenty, "mise.local.lock: "+lock), "20.5.0 mise range 20 mise.local.toml"},
		{"the lock file of an environment's local file", Node, with(miseNodes, "mise.ci.local.toml: "+twenty, "mise.ci.local.lock: "+lock, "$MISE_ENV=ci"), "20.5.0 mise range 20 mise.ci.local.toml"},
		{"the lock file of another file is ignored", Node, with(miseNodes, "mise.local.toml: "+twenty, "mise.lock: "+lock), "20.10.0 mise range 20 mise.local.toml"},
		{"a global lock file", Node, with(miseNodes, "~/.config/mise/config.toml: "+twenty, "~/.config/mise/mise.lock: "+lock), "20.5.0 mise range 20 ~/.config/mise/config.toml"},
		{"the lock file of a monorepo", Node, with(miseNodes, `~/src/mise.toml: monorepo_root = true\n[monorepo]\nlockfile = true\n`, "~/src/mise.lock: "+lock, "mise.toml: "+twenty), "20.5.0 mise range 20 mise.toml"},
		{"no lock file applies to .tool-versions", Node, with(miseNodes, ".tool-versions: node 20", "mise.lock: "+lock), "20.10.0 mise range 20 .tool-versions"},
		{"lockfile = false", Node, with(miseNodes, "mise.toml: [settings]\\nlockfile = false\\n"+twenty, "mise.lock: "+lock), "20.10.0 mise range 20 mise.toml"},
		{"MISE_LOCKFILE=0", Node, with(miseNodes, "mise.toml: "+twenty, "mise.lock: "+lock, "$MISE_LOCKFILE=0"), "20.10.0 mise range 20 mise.toml"},
		{"a lock file applies to .nvmrc if mise reads .nvmrc", Node, with(miseNodes, ".nvmrc: 20", "~/src/mise.toml: [tools]", "~/src/mise.lock: "+lock, "$MISE_IDIOMATIC_VERSION_FILE_ENABLE_TOOLS=node"), "20.5.0 mise range 20 .nvmrc"},

		{"an environment's file before a local file", Node, with(miseNodes, "mise.ci.toml: "+sixteen, "mise.local.toml: "+twenty, "$MISE_ENV=ci"), "16.2.0 mise range 16 mise.ci.toml"},
		{"the last environment takes precedence", Node, with(miseNodes, "mise.a.toml: "+sixteen, ".mise/config.b.toml: "+eighteen, "$MISE_ENV=a,b"), "18.19.0 mise range 18 .mise/config.b.toml"},
		{"an environment's global file", Node, with(miseNodes, "~/.config/mise/config.toml: "+twenty, "~/.config/mise/config.ci.toml: "+sixteen, "$MISE_ENV=ci"), "16.2.0 mise range 16 ~/.config/mise/config.ci.toml"},
		{".miserc.toml above", Node, with(miseNodes, `~/src/.miserc.toml: env = ["ci"]\n`, "mise.toml: "+twenty, "mise.ci.toml: "+sixteen), "16.2.0 mise range 16 mise.ci.toml"},
		{"the user's miserc.toml", Node, with(miseNodes, `~/.config/mise/miserc.toml: env = ["ci"]\n`, "mise.ci.toml: "+sixteen), "16.2.0 mise range 16 mise.ci.toml"},
		{"MISE_ENV before .miserc.toml", Node, with(miseNodes, `.miserc.toml: env = ["ci"]\n`, "mise.ci.toml: "+sixteen, "mise.dev.toml: "+eighteen, "$MISE_ENV=dev"), "18.19.0 mise range 18 mise.dev.toml"},
		{"a file for an inactive environment in conf.d", Node, with(miseNodes, ".mise/conf.d/x.ci.toml: "+sixteen, ".mise/config.toml: "+twenty, "$MISE_ENV_CONF_D=1"), "20.10.0 mise range 20 .mise/config.toml"},
		{"other file names", Node, with(miseNodes, "mise.toml: "+twenty, "tools.toml: "+sixteen, "$MISE_OVERRIDE_CONFIG_FILENAMES=tools.toml"), "16.2.0 mise range 16 tools.toml"},
		{"the last of other file names takes precedence", Node, with(miseNodes, "b.toml: "+twenty, "a.toml: "+sixteen, "$MISE_OVERRIDE_CONFIG_FILENAMES=a.toml:b.toml"), "20.10.0 mise range 20 b.toml"},
		{"a file name with ..", Node, with(miseNodes, "mise.toml: "+twenty, "~/src/x.toml: "+sixteen, "$MISE_OVERRIDE_CONFIG_FILENAMES=../x.toml"), "20.10.0 mise range 20 mise.toml"},
		{"another name for .tool-versions", Node, with(miseNodes, ".tv: node 16", ".tool-versions: node 20", "$MISE_OVERRIDE_TOOL_VERSIONS_FILENAMES=.tv"), "16.2.0 mise range 16 .tv"},
		{"a ceiling", Node, with(miseNodes, "~/src/mise.toml: "+sixteen, "~/mise.toml: "+sixteen, "$MISE_CEILING_PATHS=$HOME/src"), ""},
		{"an ignored file", Node, with(miseNodes, "mise.toml: "+twenty, "~/src/mise.toml: "+sixteen, "$MISE_IGNORED_CONFIG_PATHS=$HOME/src/project"), "16.2.0 mise range 16 ~/src/mise.toml"},
		{"the user's config.toml before the home directory's .tool-versions", Node, with(miseNodes, "~/.config/mise/config.toml: "+twenty, "~/.tool-versions: node 16"), "20.10.0 mise range 20 ~/.config/mise/config.toml"},

		{"a version for another system", Node, with(miseNodes, `mise.toml: [tools]\nnode = {version = "20", os = ["macos"]}\n`, "~/src/mise.toml: "+sixteen), ""},
		{"a version for this system", Node, with(miseNodes, `mise.toml: [tools]\nnode = {version = "20", os = ["macos", "linux"]}\n`), "20.10.0 mise range 20 mise.toml"},
		{"a version for another processor", Node, with(miseNodes, `mise.toml: [tools]\nnode = {version = "20", os = "linux/riscv64"}\n`), ""},
		{"an array whose first version is for another system", Node, with(miseNodes, `mise.toml: [tools]\nnode = [{version = "20", os = ["macos"]}, "16"]\n`), "16.2.0 mise range 16 mise.toml"},
		{"prefix", Node, with(miseNodes, `mise.toml: [tools]\nnode = {prefix = "20"}\n`), "20.10.0 mise range prefix:20 mise.toml"},
		{"path", Node, with(miseNodes, `mise.toml: [tools]\nnode = {path = "n"}\n`, "n/bin/node: x"), "n path pin path:n mise.toml"},
		{"ref", Node, with(miseNodes, `mise.toml: [tools]\nnode = {ref = "main"}\n`, "~/.local/share/mise/installs/node/ref-main/bin/node: x"), "ref-main mise pin ref:main mise.toml"},
		{"branch", Node, with(miseNodes, `mise.toml: [tools]\nnode = "branch:x"\n`, "~/.local/share/mise/installs/node/branch-x/bin/node: x"), "branch-x mise pin branch:x mise.toml"},
		{"sub-", Node, with(miseNodes, `mise.toml: [tools]\nnode = "sub-2:18"\n`), "16.2.0 mise pin sub-2:18 mise.toml"},
		{"sub- of latest", Node, with(miseNodes, `mise.toml: [tools]\nnode = "sub-1:latest"\n`), "sub-1:latest  pin sub-1:latest mise.toml"},
		{"an alias", Node, with(miseNodes, `~/src/mise.toml: [tool_alias.node.versions]\nold = "16"\n`, `mise.toml: [tools]\nnode = "old"\n`), "16.2.0 mise range old mise.toml"},
		{"an alias of an alias", Node, with(miseNodes, `mise.toml: [tool_alias.node.versions]\nold = "older"\nolder = "16"\n[tools]\nnode = "old"\n`), "older missing range old mise.toml"},
		{"an alias in the global file", Node, with(miseNodes, `~/.config/mise/config.toml: [alias.node.versions]\nold = "16"\n`, `mise.toml: [tools]\nnode = "old"\n`), "16.2.0 mise range old mise.toml"},
		{"disable_tools above", Node, with(miseNodes, `~/src/mise.toml: [settings]\ndisable_tools = ["node"]\n`, "mise.toml: "+twenty), ""},
		{"disable_tools, replaced below", Node, with(miseNodes, `~/src/mise.toml: [settings]\ndisable_tools = ["node"]\n`, "mise.toml: [settings]\\ndisable_tools = [\"go\"]\\n"+twenty), "20.10.0 mise range 20 mise.toml"},
		{"MISE_DISABLE_TOOLS", Node, with(miseNodes, "mise.toml: "+twenty, "$MISE_DISABLE_TOOLS=go,node"), ""},
		{"enable_tools", Node, with(miseNodes, "mise.toml: "+twenty, "$MISE_ENABLE_TOOLS=go"), ""},
		{"enable_tools before disable_tools", Node, with(miseNodes, "mise.toml: [settings]\\ndisable_tools = [\"node\"]\\n"+twenty, "$MISE_ENABLE_TOOLS=node"), "20.10.0 mise range 20 mise.toml"},
		{"disable_tools and .tool-versions", Node, with(miseNodes, ".tool-versions: node 20", "$MISE_DISABLE_TOOLS=node"), ""},
		{"a template", Node, with(miseNodes, `mise.toml: [tools]\nnode = "{{ env.X }}"\n`, "~/src/.nvmrc: 20"), "{{ env.X }}  range {{ env.X }} mise.toml"},
		{"a template in .tool-versions", Node, with(miseNodes, `.tool-versions: node {{ env.X }}`), "{{ env.X }}  range {{ env.X }} .tool-versions"},
		{"an unfinished installation", Node, with(miseNodes, "mise.toml: "+twenty, "~/.cache/mise/node/20.10.0/incomplete: x"), "20.5.0 mise range 20 mise.toml"},
		{"a lock file that is too large", Node, with(miseNodes, "mise.toml: "+twenty, "mise.lock: #"+strings.Repeat("x", maxLockBytes)), "20.10.0 mise range 20 mise.toml"},
	})
}

// TestActive_GoToolchain checks that the results for Go's toolchains are those of cmd/go 1.26.
func TestActive_GoToolchain(t *testing.T) {
	local := []string{`/usr/local/go/VERSION: go1.26.3\n`, "~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.28.0." + platform() + "/bin/go: x"}
	set := with(local, "$GOTOOLCHAIN=auto")
	run(t, []scenario{
		{"a language version selects its first release", Go, with(set, "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"a newer installed version is not used", Go, with(set, "go.mod: go 1.27.4"), "1.27.4 missing floor 1.27.4 go.mod"},
		{"a toolchain for another system", Go, with(set, "go.mod: go 1.29.0", "~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.29.0.plan9-386/bin/go: x"), "1.29.0 missing floor 1.29.0 go.mod"},
		{"a manager's version is not used", Go, with(set, "go.mod: go 1.27.4", "~/.goenv/versions/1.27.4/bin/go: x"), "1.27.4 missing floor 1.27.4 go.mod"},
		{"the toolchain line", Go, with(set, `go.mod: go 1.25\ntoolchain go1.28.0\n`), "1.28.0 go floor 1.28.0 go.mod"},
		{"a toolchain line older than the go line", Go, with(set, `go.mod: go 1.28.0\ntoolchain go1.27.0\n`), "1.28.0 go floor 1.28.0 go.mod"},
		{"toolchain default", Go, with(set, `go.mod: go 1.28\ntoolchain default\n`), "1.26.3 system floor 1.28 go.mod differs"},
		{"a language version's pre-release", Go, with(set, "go.mod: go 1.28rc1"), "1.28rc1 missing floor 1.28rc1 go.mod"},
		{"a local pre-release is newer than the language version", Go, []string{`/usr/local/go/VERSION: go1.27rc2\n`, "go.mod: go 1.27", "$GOTOOLCHAIN=auto"}, "1.27rc2 system floor 1.27 go.mod"},
		{"no version", Go, with(set, "go.mod: go latest"), "1.26.3 system floor latest go.mod"},
		{"only the nearest go.mod is read", Go, with(set, "go.mod: module x", "~/src/go.mod: go 1.28"), "1.26.3 system"},
		{"go.work above", Go, with(set, "go.mod: go 1.25", "~/src/go.work: go 1.28"), "1.28.0 go floor 1.28 ~/src/go.work"},
		{"go.work that requires less than go.mod", Go, with(set, "go.mod: go 1.28", "~/src/go.work: go 1.25"), "1.26.3 system floor 1.25 ~/src/go.work"},
		{"GOWORK=off", Go, with(set, "go.mod: go 1.25", "~/src/go.work: go 1.28", "$GOWORK=off"), "1.26.3 system floor 1.25 go.mod"},
		{"GOWORK", Go, with(set, "go.mod: go 1.25", "~/w/go.work: go 1.28", "$GOWORK=$HOME/w/go.work"), "1.28.0 go floor 1.28 ~/w/go.work"},
		{"GOWORK set by go env -w", Go, with(set, "go.mod: go 1.25", "~/src/go.work: go 1.28", `~/.config/go/env: GOWORK=off\n`), "1.26.3 system floor 1.25 go.mod"},
		{"a directory named go.work", Go, with(set, "go.work/", "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"GO111MODULE=off", Go, with(set, "go.mod: go 1.28", "$GO111MODULE=off"), "1.26.3 system floor 1.28 go.mod differs"},
		{"GO111MODULE=auto without go.mod", Go, with(local, "$GOTOOLCHAIN=go1.28.0", "$GO111MODULE=auto"), "1.26.3 system"},
		{"GOTOOLCHAIN=local set by go env -w", Go, with(local, `~/.config/go/env: # x\nGOTOOLCHAIN=local\n`, "go.mod: go 1.28"), "1.26.3 system floor 1.28 go.mod differs"},
		{"GOTOOLCHAIN=local in go.env", Go, with(local, `/usr/local/go/go.env: GOTOOLCHAIN=local\n`, "go.mod: go 1.28"), "1.26.3 system floor 1.28 go.mod differs"},
		{"go env -w before go.env", Go, with(local, `/usr/local/go/go.env: GOTOOLCHAIN=local\n`, `~/.config/go/env: GOTOOLCHAIN=auto\n`, "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"the environment before go env -w", Go, with(local, `~/.config/go/env: GOTOOLCHAIN=auto\n`, "go.mod: go 1.28", "$GOTOOLCHAIN=local"), "1.26.3 system floor 1.28 go.mod differs"},
		{"go.env without GOTOOLCHAIN", Go, with(local, `/usr/local/go/bin/go: x`, `/usr/local/go/go.env: GOPROXY=off\n`, "go.mod: go 1.28"), "1.26.3 system floor 1.28 go.mod differs"},
		{"go.env of a manager's version", Go, []string{`~/.goenv/versions/1.26.0/go.env: GOTOOLCHAIN=local\n`, "~/.goenv/versions/1.26.0/bin/go: x", ".go-version: 1.26.0", "go.mod: go 1.28"}, "1.26.0 goenv pin 1.26.0 .go-version differs"},
		{"local+auto", Go, with(local, "$GOTOOLCHAIN=local+auto", "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"GOTOOLCHAIN=VERSION+auto above go.mod", Go, with(local, "$GOTOOLCHAIN=go1.28.0+auto", "go.mod: go 1.27"), "1.28.0 go pin 1.28.0 $GOTOOLCHAIN"},
		{"GOTOOLCHAIN=VERSION+auto below go.mod", Go, with(local, "$GOTOOLCHAIN=go1.27.0+auto", "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"GOTOOLCHAIN=VERSION below go.mod", Go, with(local, "$GOTOOLCHAIN=go1.22.1", "go.mod: go 1.28"), "1.22.1 missing pin 1.22.1 $GOTOOLCHAIN"},
		{"GOTOOLCHAIN=path does not use the module cache", Go, with(local, "$GOTOOLCHAIN=path", "go.mod: go 1.28"), "1.28.0 missing floor 1.28 go.mod"},
		{"GOTOOLCHAIN=path uses a program in PATH", Go, with(local, "$GOTOOLCHAIN=path", "go.mod: go 1.27.4", "~/go/bin/go1.27.4: x", "$PATH=$HOME/go/bin"), "1.27.4 go floor 1.27.4 go.mod"},
		{"a setting that go rejects", Go, with(local, "$GOTOOLCHAIN=newest", "go.mod: go 1.28"), "1.26.3 system floor 1.28 go.mod differs"},
		{"a go without support for toolchains", Go, []string{`/usr/local/go/VERSION: go1.20.5\n`, "go.mod: go 1.28"}, "1.20.5 system floor 1.28 go.mod differs"},
		{"a pin beside go.mod, older than go.mod requires", Go, with(set, "~/.goenv/versions/1.25.1/bin/go: x", ".tool-versions: golang 1.25.1", "go.mod: go 1.28"), "1.28.0 go floor 1.28 go.mod"},
		{"a pin in the directory above that satisfies go.mod", Go, with(set, "~/.goenv/versions/1.29.1/bin/go: x", "~/src/.go-version: 1.29.1", "go.mod: go 1.28"), "1.29.1 goenv pin 1.29.1 ~/src/.go-version"},
		{"a module cache set by go env -w", Go, []string{`/usr/local/go/VERSION: go1.26.3\n`, "~/m/golang.org/toolchain@v0.0.1-go1.28.0." + platform() + "/bin/go: x", "go.mod: go 1.28", `~/.config/go/env: GOMODCACHE=$HOME/m\n`}, "1.28.0 go floor 1.28 go.mod"},
	})
}

func TestCompareGo(t *testing.T) {
	versions := []string{"", "1", "1.9", "1.20rc1", "1.20", "1.20.1", "1.21", "1.21rc1", "1.21rc2", "1.21.0", "1.21.10", "1.100"}
	for i, x := range versions {
		for j, y := range versions {
			require.Equal(t, i < j, compareGo(x, y) < 0, "%s %s", x, y)
		}
	}
	require.Zero(t, compareGo("1.20", "1.20.0"))
	for _, bad := range []string{"1.", "1.2.", "1.x", "01.2", "1.2.3.4", "1.2-x", "1.2rc", "v1.2", "1.2rc1.2"} {
		require.False(t, validGo(bad), bad)
	}
}

func TestActive_Python(t *testing.T) {
	pyenv := []string{"~/.pyenv/versions/3.12.2/", "~/.pyenv/versions/3.10.9/", "~/.pyenv/versions/3.13.1/", "~/.pyenv/versions/3.13.1t/"}
	uv := func(name string) string { return "~/.local/share/uv/python/" + name + "-linux-x86_64-gnu/bin/" }
	uvs := []string{uv("cpython-3.11.4"), uv("cpython-3.13.2"), uv("cpython-3.13.2+freethreaded"), uv("pypy-3.9.1"), uv("graalpy-3.11.0")}
	system := "/var/lib/pacman/local/python-3.14.2-1/"
	venv := func(link string) []string {
		return []string{system, "~/e/pyvenv.cfg: version = 3.12.7\\n", "~/e/bin/python -> " + link, "$VIRTUAL_ENV=$HOME/e"}
	}
	run(t, []scenario{
		{"several versions on a line", Python, with(pyenv, ".python-version: 3.10.9 3.12.2"), "3.10.9 pyenv pin 3.10.9 .python-version"},
		{"only the first word of a line", Python, with(pyenv, `.python-version: 3.9.9 3.12.2\n3.10.9 x\n`), "3.10.9 pyenv pin 3.9.9 .python-version"},
		{"several versions in pyenv's global file", Python, with(pyenv, `~/.pyenv/version: 3.9.9\n3.10.9 3.12.2\n`), "3.10.9 pyenv pin 3.9.9 ~/.pyenv/version"},
		{"a free-threaded version", Python, with(pyenv, ".python-version: 3.13t"), "3.13.1t pyenv range 3.13t .python-version"},
		{"a version that is not free-threaded", Python, with(pyenv, ".python-version: 3.13"), "3.13.1 pyenv range 3.13 .python-version"},
		{"a free-threaded version in uv's notation", Python, with(uvs, ".python-version: 3.13+freethreaded"), "3.13.2+freethreaded uv range 3.13+freethreaded .python-version"},
		{"a range with blanks", Python, with(uvs, ".python-version: >=3.10, <3.12"), "3.11.4 uv range >=3.10, <3.12 .python-version"},
		{"uv's full name of a version", Python, with(uvs, ".python-version: cpython-3.11.4-linux-x86_64-gnu"), "3.11.4 uv pin cpython-3.11.4-linux-x86_64-gnu .python-version"},
		{"uv's full name of a version for another system", Python, with(uvs, ".python-version: cpython-3.11.4-macos-aarch64-none"), "3.11.4-macos-aarch64-none missing pin cpython-3.11.4-macos-aarch64-none .python-version"},
		{"pypy", Python, with(uvs, ".python-version: pypy"), "pypy-3.9.1 uv range pypy .python-version"},
		{"pypy with a version", Python, with(uvs, ".python-version: pypy@3.9"), "pypy-3.9.1 uv range pypy@3.9 .python-version"},
		{"graalpy", Python, with(uvs, ".python-version: graalpy3.11"), "graalpy-3.11.0 uv range graalpy3.11 .python-version"},
		{"a short name", Python, with(uvs, ".python-version: cp311"), "3.11.4 uv range cp311 .python-version"},
		{"cpython", Python, with(uvs, ".python-version: cpython"), "3.13.2 uv range cpython .python-version"},
		{"an interpreter", Python, with(uvs, ".python-version: $HOME/.local/share/uv/python/pypy-3.9.1-linux-x86_64-gnu/bin/pypy3"), "pypy-3.9.1 uv pin ~/.local/share/uv/python/pypy-3.9.1-linux-x86_64-gnu/bin/pypy3 .python-version"},
		{"the system's interpreter", Python, []string{system, ".python-version: /usr/bin/python3"}, "3.14.2 system pin /usr/bin/python3 .python-version"},
		{".python-versions", Python, with(pyenv, `.python-versions: 3.10.9\n3.12.2\n`), "3.10.9 pyenv pin 3.10.9 .python-versions"},

		{"an environment after an upgrade of the system's python", Python, venv("/usr/bin/python3"), "3.14.2 venv pin 3.14.2 $VIRTUAL_ENV"},
		{"an environment whose interpreter was removed", Python, venv("/usr/bin/python3.12"), "3.12.7 missing pin 3.12.7 $VIRTUAL_ENV"},
		{"an environment with pyenv's interpreter", Python, with(venv("$HOME/.pyenv/versions/3.12.2/bin/python"), "~/.pyenv/versions/3.12.2/bin/python3.12: x", "~/.pyenv/versions/3.12.2/bin/python -> python3.12"), "3.12.2 venv pin 3.12.2 $VIRTUAL_ENV"},
		{"an environment with uv's interpreter behind a symlink", Python, with(venv("$HOME/.local/share/uv/python/cpython-3.12-linux-x86_64-gnu/bin/python3.12"), uv("cpython-3.12.9")+"python3.12: x", "~/.local/share/uv/python/cpython-3.12-linux-x86_64-gnu -> cpython-3.12.9-linux-x86_64-gnu"), "3.12.9 venv pin 3.12.9 $VIRTUAL_ENV"},
		{"conda", Python, []string{system, "~/c/conda-meta/python-3.10.14-h955ad1f_1.json: {}", "~/c/conda-meta/python-dateutil-2.9.0-py_0.json: {}", "$CONDA_PREFIX=$HOME/c"}, "3.10.14 conda pin 3.10.14 $CONDA_PREFIX"},
		{"conda without python", Python, []string{system, "~/c/conda-meta/r-base-4.3.1-h0_1.json: {}", "~/c/conda-meta/python_abi-3.10-2_cp310.json: {}", "$CONDA_PREFIX=$HOME/c"}, "3.14.2 system"},
		{"conda before a virtual environment in PATH", Python, with(venv("/usr/bin/python"), "~/c/conda-meta/python-3.10.14-h955ad1f_1.json: {}", "$CONDA_PREFIX=$HOME/c", "$PATH=$HOME/c/bin:$HOME/e/bin:/usr/bin"), "3.10.14 conda pin 3.10.14 $CONDA_PREFIX"},
		{"conda after a virtual environment in PATH", Python, with(venv("/usr/bin/python"), "~/c/conda-meta/python-3.10.14-h955ad1f_1.json: {}", "$CONDA_PREFIX=$HOME/c", "$PATH=$HOME/e/bin:$HOME/c/bin:/usr/bin"), "3.14.2 venv pin 3.14.2 $VIRTUAL_ENV"},
	})
}

func TestActive_Node(t *testing.T) {
	alias := func(name, to string) string { return "~/.nvm/alias/" + name + ": " + to + `\n` }
	lts := with(nodes, alias("lts/argon", "v4.9.1"), alias("lts/hydrogen", "v18.20.4"), alias("lts/iron", "v20.9.0"), alias("lts/jod", "v22.12.0"), alias("lts/*", "lts/jod"))
	pkg := func(path, text string) string { return path + "package.json: " + text }
	volta := []string{"~/.volta/tools/image/node/16.1.0/bin/", "~/.volta/tools/image/node/18.2.0/bin/", `~/.volta/tools/user/platform.json: {"node":{"runtime":"18.2.0"}}`}
	run(t, []scenario{
		{"an LTS name means the version in nvm's alias", Node, with(lts, ".nvmrc: lts/iron"), "20.9.0 nvm range lts/iron .nvmrc"},
		{"an LTS name whose version is not installed", Node, with(lts, ".nvmrc: lts/jod"), "lts/jod missing range lts/jod .nvmrc"},
		{"lts/-1", Node, with(lts, ".nvmrc: lts/-1"), "20.9.0 nvm range lts/-1 .nvmrc"},
		{"lts/-2", Node, with(lts, ".nvmrc: lts/-2"), "18.20.4 nvm range lts/-2 .nvmrc"},
		{"lts/-9", Node, with(lts, ".nvmrc: lts/-9"), "lts/-9 missing range lts/-9 .nvmrc"},
		{"lts/-2 without nvm's aliases", Node, with(nodes, ".nvmrc: lts/-2"), "20.11.0 nvm range lts/-2 .nvmrc"},
		{"fnm's alias", Node, []string{"~/.fnm/node-versions/v20.1.0/installation/", "~/.fnm/aliases/work -> $HOME/.fnm/node-versions/v20.1.0/installation", ".nvmrc: work"}, "20.1.0 fnm range work .nvmrc"},
		{"an alias of node", Node, with(nodes, "~/.nvm/alias/work: node", ".nvmrc: work"), "21.0.0 nvm range work .nvmrc"},
		{"a loop of nvm's and fnm's aliases", Node, with(nodes, "~/.nvm/alias/a: b", "~/.fnm/aliases/b -> $HOME/.fnm/node-versions/a/installation", ".nvmrc: a"), "a missing range a .nvmrc"},
		{"a directory without bin/node, left by nvm", Node, with(nodes, "~/.nvm/versions/node/v23.1.0/lib/node_modules/x/", ".nvmrc: 23"), "23 missing range 23 .nvmrc"},
		{"a directory without node, left by fnm", Node, []string{"~/.fnm/node-versions/v20.1.0/installation/lib/x: x", ".nvmrc: 20"}, "20 missing range 20 .nvmrc"},
		{"current", Node, with(nodes, "$NVM_BIN=$HOME/.nvm/versions/node/v18.20.4/bin", ".nvmrc: current"), "18.20.4 nvm range current .nvmrc"},
		{".nvmrc before .node-version", Node, with(nodes, ".nvmrc: 18", ".node-version: 20"), "18.20.4 nvm range 18 .nvmrc"},
		{"volta's extends", Node, with(volta, pkg("", `{"volta":{"extends":"../base.json"}}`), `~/src/base.json: {"volta":{"node":"16.1.0"}}`), "16.1.0 volta pin 16.1.0 package.json"},
		{"volta's version before its extends", Node, with(volta, pkg("", `{"volta":{"node":"18.2.0","extends":"../base.json"}}`), `~/src/base.json: {"volta":{"node":"16.1.0"}}`), "18.2.0 volta pin 18.2.0 package.json"},
		{"extends of an extended file", Node, with(volta, pkg("", `{"volta":{"extends":"../a.json"}}`), `~/src/a.json: {"volta":{"extends":"b.json"}}`, `~/src/b.json: {"volta":{"node":"16.1.0"}}`), "16.1.0 volta pin 16.1.0 package.json"},
		{"a loop of extends", Node, with(volta, pkg("", `{"volta":{"extends":"package.json"}}`)), "18.2.0 volta pin 18.2.0 ~/.volta/tools/user/platform.json"},
		{"extends that leaves the home directory", Node, with(volta, pkg("", `{"volta":{"extends":"../../../../x.json"}}`), `/x.json: {"volta":{"node":"16.1.0"}}`), "18.2.0 volta pin 18.2.0 ~/.volta/tools/user/platform.json"},
		{"volta's key above another package.json is ignored", Node, with(volta, pkg("", `{"name":"x"}`), pkg("~/src/", `{"volta":{"node":"16.1.0"}}`)), "18.2.0 volta pin 18.2.0 ~/.volta/tools/user/platform.json"},
		{"volta's key in the nearest package.json above", Node, with(volta, pkg("~/src/", `{"volta":{"node":"16.1.0"}}`)), "16.1.0 volta pin 16.1.0 ~/src/package.json"},
		{"packageManager", Bun, []string{"~/.asdf/installs/bun/1.1.9/", pkg("", `{"packageManager":"bun@1.1.9+sha224.abc"}`)}, "1.1.9 asdf pin 1.1.9 package.json"},
		{"packageManager with another program", Bun, []string{pkg("", `{"packageManager":"pnpm@9.1.0"}`)}, ""},
		{"devEngines.packageManager", Bun, []string{"~/.asdf/installs/bun/1.1.9/", pkg("", `{"devEngines":{"packageManager":{"name":"bun","version":"1.1.9"}}}`)}, "1.1.9 asdf pin 1.1.9 package.json"},
	})
}

func TestActive_OtherRuntimes(t *testing.T) {
	java := func(name string) string { return "~/.local/share/mise/installs/java/" + name + "/bin/java: x" }
	run(t, []scenario{
		{"SDKMAN's name of temurin", Java, []string{java("temurin-17.0.5+8"), ".sdkmanrc: java=17.0.5-tem"}, "temurin-17.0.5+8 mise pin 17.0.5-tem .sdkmanrc"},
		{"SDKMAN's name of corretto", Java, []string{java("corretto-21.0.1.12.1"), ".sdkmanrc: java=21.0.1-amzn"}, "corretto-21.0.1.12.1 mise pin 21.0.1-amzn .sdkmanrc"},
		{"SDKMAN's name of zulu, which mise numbers differently", Java, []string{java("zulu-17.46.19"), ".sdkmanrc: java=17.0.9-zulu"}, "zulu-17.46.19 mise pin 17.0.9-zulu .sdkmanrc"},
		{"a name without a vendor", Java, []string{java("zulu-17.46.19"), ".sdkmanrc: java=1 -0e"}, "1 -0e missing range 1 -0e .sdkmanrc"},
		{"SDKMAN's name of a version that is not installed", Java, []string{java("zulu-17.46.19"), ".sdkmanrc: java=17.0.9-tem"}, "17.0.9-tem missing pin 17.0.9-tem .sdkmanrc"},
		{"rbenv uses the first word", Ruby, []string{"~/.rbenv/versions/3.2.1/", ".ruby-version: 3.2.1 (see Dockerfile)"}, "3.2.1 rbenv pin 3.2.1 .ruby-version"},
		{"rbenv uses the first word of its global file", Ruby, []string{"~/.rbenv/versions/3.2.1/", "~/.rbenv/version: 3.2.1 old"}, "3.2.1 rbenv pin 3.2.1 ~/.rbenv/version"},
		{"another file name for asdf", Ruby, []string{"~/.asdf/installs/ruby/3.2.1/", ".versions: ruby 3.2.1", ".tool-versions: ruby 3.3.0", "$ASDF_DEFAULT_TOOL_VERSIONS_FILENAME=.versions"}, "3.2.1 asdf pin 3.2.1 .versions"},
		{"another file name for asdf, with ..", Ruby, []string{"~/.asdf/installs/ruby/3.2.1/", "~/src/x: ruby 3.2.1", "$ASDF_DEFAULT_TOOL_VERSIONS_FILENAME=../x"}, ""},
		{"a directory without ruby, left by rbenv", Ruby, []string{"~/.rbenv/versions/3.2.1/lib/ruby/x: x", ".ruby-version: 3.2.1"}, "3.2.1 missing pin 3.2.1 .ruby-version"},
		{"a path relative to rust-toolchain.toml", Rust, []string{"tool/bin/rustc: x", `rust-toolchain.toml: [toolchain]\npath = "tool"\n`}, "tool path pin path:~/src/project/tool rust-toolchain.toml"},
	})
}

// TestActive_Path checks the versions that directories in PATH select.
func TestActive_Path(t *testing.T) {
	system := with(nodes, "/var/lib/pacman/local/nodejs-24.1.0-1/")
	rustup := []string{"~/.rustup/toolchains/1.70.0-x86_64-unknown-linux-gnu/", `~/.rustup/settings.toml: default_toolchain = "1.70.0-x86_64-unknown-linux-gnu"\n`, "/var/lib/pacman/local/rust-1:1.85.0-1/"}
	run(t, []scenario{
		{"rustup is not in PATH", Rust, with(rustup, "$PATH=/usr/bin"), "1.85.0 system"},
		{"rustup is in PATH", Rust, with(rustup, "~/.cargo/bin/rustc: x", "$PATH=$HOME/.cargo/bin:/usr/bin"), "1.70.0 rustup pin 1.70.0 ~/.rustup/settings.toml"},
		{"rustup's directory in PATH without rustc", Rust, with(rustup, "~/.cargo/bin/ripgrep: x", "$PATH=$HOME/.cargo/bin:/usr/bin"), "1.85.0 system"},
		{"rustup is in PATH after the system", Rust, with(rustup, "~/.cargo/bin/rustc: x", "$PATH=/usr/bin:$HOME/.cargo/bin"), "1.85.0 system"},
		{"nvm's default is not in PATH", Node, with(system, "~/.nvm/alias/default: 20", "$PATH=/usr/bin"), "24.1.0 system"},
		{"nvm's version in PATH", Node, with(system, "~/.nvm/alias/default: 20", "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin"), "18.20.4 nvm pin 18.20.4 $PATH"},
		{"nvm's version in PATH, another version declared", Node, with(system, ".nvmrc: 20", "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin"), "18.20.4 nvm range 20 .nvmrc differs"},
		{"nvm's version in PATH, the same version declared", Node, with(system, ".nvmrc: 18", "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin"), "18.20.4 nvm range 18 .nvmrc"},
		{"nvm's version in PATH, a missing version declared", Node, with(system, ".nvmrc: 19", "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin"), "18.20.4 nvm range 19 .nvmrc differs"},
		{"the system's version in PATH, another version declared", Node, with(system, ".nvmrc: 20", "$PATH=/usr/bin"), "24.1.0 system range 20 .nvmrc differs"},
		{"the system's version in PATH, a missing version declared", Node, with(system, ".nvmrc: 19", "$PATH=/usr/bin"), "19 missing range 19 .nvmrc"},
		{"no version in PATH", Node, with(nodes, "~/.nvm/alias/default: 20", "$PATH=/usr/bin"), "20.11.0 nvm range 20 ~/.nvm/alias/default"},
		{"a shim runs the declared version", Node, with(system, "~/.asdf/installs/nodejs/20.4.0/", "~/.asdf/shims/node: x", ".tool-versions: nodejs 20.4.0", "$PATH=$HOME/.asdf/shims:/usr/bin"), "20.4.0 asdf pin 20.4.0 .tool-versions"},
		{"a shim runs its manager's global version", Node, with(system, "~/.nvm/alias/default: 18", "~/.volta/bin/node: x", "~/.volta/tools/image/node/16.1.0/bin/", `~/.volta/tools/user/platform.json: {"node":{"runtime":"16.1.0"}}`, "$PATH=$HOME/.volta/bin:/usr/bin"), "16.1.0 volta pin 16.1.0 ~/.volta/tools/user/platform.json"},
		{"mise activate", Node, with(with(system, miseNodes...), `mise.toml: [tools]\nnode = "18.19.0"\n`, "$PATH=$HOME/.local/share/mise/installs/node/20.5.0/bin:/usr/bin"), "18.19.0 mise pin 18.19.0 mise.toml"},
		{"fnm", Node, []string{"~/.fnm/node-versions/v20.1.0/installation/bin/node: x", "~/.fnm/node-versions/v18.1.0/installation/bin/node: x", "~/m/1 -> $HOME/.fnm/node-versions/v18.1.0/installation", "$FNM_MULTISHELL_PATH=$HOME/m/1", "$PATH=$HOME/m/1/bin:/usr/bin", ".nvmrc: 20"}, "18.1.0 fnm range 20 .nvmrc differs"},
		{"omg's version in PATH", Node, with(system, "~/.local/share/omg/versions/node/19.0.0/bin/node: x", "~/.local/share/omg/versions/node/current -> 19.0.0", "$PATH=$HOME/.local/share/omg/versions/node/current/bin:/usr/bin"), "19.0.0 omg pin 19.0.0 $PATH"},
		{"SDKMAN's version in PATH", Java, []string{"~/.sdkman/candidates/java/21.0.1-tem/bin/java: x", "~/.sdkman/candidates/java/current -> 21.0.1-tem", "$PATH=$HOME/.sdkman/candidates/java/current/bin:/usr/bin"}, "21.0.1-tem sdkman pin 21.0.1-tem $PATH"},
		{"uv's versions are not in PATH", Python, []string{"/var/lib/pacman/local/python-3.13.7-1/", "~/.local/share/uv/python/cpython-3.11.4-linux-x86_64-gnu/", ".python-version: 3.11", "$PATH=/usr/bin"}, "3.11.4 uv range 3.11 .python-version"},
		{"the version in PATH does not satisfy engines", Node, with(system, `package.json: {"engines":{"node":">=20"}}`, "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin"), "18.20.4 nvm floor >=20 package.json differs"},
	})
}

// TestActive_Bar checks that environment variables such as $PATH and $VIRTUAL_ENV select no version in a status
// bar, although they do in a shell.
func TestActive_Bar(t *testing.T) {
	w := newMachine(t, with(nodes, "~/e/pyvenv.cfg: version = 3.9.2", "$VIRTUAL_ENV=$HOME/e", "$MISE_NODE_VERSION=18", "$NVM_BIN=$HOME/.nvm/versions/node/v18.20.4/bin", "$PATH=$HOME/.nvm/versions/node/v18.20.4/bin:/usr/bin", ".nvmrc: 20", "/var/lib/pacman/local/python-3.13.7-1/", "$GOTOOLCHAIN=go1.22.1", "/usr/local/go/VERSION: go1.26.0")...)
	env := w.env()
	env.OutsideShell = true
	p := New(env)
	require.Equal(t, "20.11.0 nvm range 20 .nvmrc", w.format(p.Active(Node)))
	require.Equal(t, "3.13.7 system", w.format(p.Active(Python)))
	require.Equal(t, "1.26.0 system", w.format(p.Active(Go)))
}

// TestActive_LinkedDirectory checks the results in a project that is reached through a symlink: some managers search
// upwards from the symlink, others from its target.
func TestActive_LinkedDirectory(t *testing.T) {
	w := newMachine(t, with(miseNodes, "~/data/real/", "~/src/link -> $HOME/data/real",
		`~/data/mise.toml: [tools]\nnode = "18"\n`, `~/src/mise.toml: [tools]\nnode = "20"\n`,
		"~/src/.ruby-version: 3.1.0", "~/data/.ruby-version: 3.2.0", "~/src/go.mod: go 1.30", "~/data/go.mod: go 1.31",
		"~/data/rust-toolchain: 1.80.0", "~/src/rust-toolchain: 1.81.0")...)
	env := w.env()
	env.Dir = w.path("~/src/link")
	p := New(env)
	require.Equal(t, "18.19.0 mise range 18 ~/data/mise.toml", w.format(p.Active(Node)))
	require.Equal(t, "3.1.0 missing pin 3.1.0 ~/src/.ruby-version", w.format(p.Active(Ruby)))
	require.Equal(t, "1.30.0 missing floor 1.30 ~/src/go.mod", w.format(p.Active(Go)))
	require.Equal(t, "1.80.0 missing pin 1.80.0 ~/data/rust-toolchain", w.format(p.Active(Rust)))

	w = newMachine(t, "~/data/real/", "~/src/link -> $HOME/data/real", `~/.rustup/settings.toml: [overrides]\n"$HOME/data/real" = "1.80.0"\n`, "~/.rustup/toolchains/1.80.0/")
	env = w.env()
	env.Dir = w.path("~/src/link")
	require.Equal(t, "1.80.0 rustup pin 1.80.0 ~/.rustup/settings.toml", w.format(New(env).Active(Rust)))
}

func TestIsDeclaredHere(t *testing.T) {
	w := newMachine(t, with(nodes, ".ruby-version: 3.2.0", "go.mod: go 1.24", "~/.nvm/alias/default: 20", "~/.tool-versions: java 21", `~/.config/mise/config.toml: [tools]\nbun = "1"\n`, "$PYENV_VERSION=3.12.1", `~/.rustup/settings.toml: default_toolchain = "stable"\n`)...)
	p := New(w.env())
	for name, want := range map[string]bool{Node: false, Python: true, Go: true, Rust: false, Ruby: true, Java: false, Bun: false} {
		require.Equal(t, want, p.IsDeclaredHere(name), name)
	}
}

// TestInstalled_UseLink lets Use make a symlink to a version of another manager. It checks that Installed does not list
// the symlink as a version that omg has installed.
func TestInstalled_UseLink(t *testing.T) {
	w := newMachine(t, nodes...)
	_, err := Use(w.env(), Node, "20")
	require.NoError(t, err)
	for _, i := range New(w.env()).Installed(Node) {
		require.NotEqual(t, currentLink, i.Version)
	}
}

func TestParseTOML_Values(t *testing.T) {
	all, err := parseTOML([]byte("a = true\nb.c = ['x', {d = 1}]\n[[e]]\nf = 'g'\n[[e]]\n"))
	require.NoError(t, err)
	require.Equal(t, tomlTable{"a": true, "b": tomlTable{"c": []any{"x", tomlTable{"d": "1"}}}, "e": []any{tomlTable{"f": "g"}, tomlTable{}}}, all)
	_, err = parseTOML([]byte("a = 'x'\n[a.b]\n"))
	require.Error(t, err)
	_, err = parseTOML([]byte("a.b = " + strconv.Quote(strings.Repeat("x", 2*maxWantBytes))))
	require.NoError(t, err)
}

// TestActive_HostileConfiguration checks that a link to a device in place of mise's and Go's files is skipped.
func TestActive_HostileConfiguration(t *testing.T) {
	w := newMachine(t, with(miseNodes, ".nvmrc: 20", "mise.lock -> /dev/zero", "go.work -> /dev/zero", ".miserc.toml -> /dev/zero", "mise.toml: [tools]\\nnode = '18'\\n")...)
	p := New(w.env())
	require.Equal(t, "18.19.0 mise range 18 mise.toml", w.format(p.Active(Node)))
	require.Empty(t, w.format(p.Active(Go)))
	for _, file := range []string{"mise.lock", "go.work", ".miserc.toml"} {
		require.Contains(t, w.notes(p), file+": not a regular file")
	}
	_, err := os.Lstat(filepath.Join(w.dir, "mise.lock"))
	require.NoError(t, err)
}
