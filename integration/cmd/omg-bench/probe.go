package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// miseNPMPackage is the npm package that contains mise as one program.
const miseNPMPackage = "@jdxcode/mise-linux-x64"

// createProject creates a directory with five version files, each for another runtime. The directory is in a home directory
// where mise and pyenv have installed these versions.
func (b *bench) createProject() (home, dir string, err error) {
	home = filepath.Join(b.dir, "home")
	dir = filepath.Join(home, "src/project")
	installs := filepath.Join(home, ".local/share/mise/installs")
	for path, text := range map[string]string{
		filepath.Join(dir, "mise.toml"):                          "[tools]\njava = \"21.0.1\"\n",
		filepath.Join(dir, ".tool-versions"):                     "ruby 3.3.0\n",
		filepath.Join(dir, ".node-version"):                      "20.1.0\n",
		filepath.Join(dir, ".python-version"):                    "3.12.1\n",
		filepath.Join(dir, "go.mod"):                             "module project\n\ngo 1.24.3\n",
		filepath.Join(installs, "java/21.0.1/release"):           "JAVA_VERSION=\"21.0.1\"\n",
		filepath.Join(installs, "java/21.0.1/bin/java"):          "",
		filepath.Join(installs, "ruby/3.3.0/bin/ruby"):           "",
		filepath.Join(installs, "node/20.1.0/bin/node"):          "",
		filepath.Join(installs, "go/1.24.3/bin/go"):              "",
		filepath.Join(home, ".pyenv/versions/3.12.1/bin/python"): "",
	} {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return home, dir, err
		}
		if err = os.WriteFile(path, []byte(text), 0o644); err != nil {
			return home, dir, err
		}
	}
	return home, dir, nil
}

// findMise returns the path of mise, which npm downloads if necessary.
func (b *bench) findMise() (string, error) {
	if path, err := exec.LookPath("mise"); err == nil {
		return path, nil
	}
	dir := filepath.Join(b.dir, "npm")
	out, err := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, miseNPMPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm install %s: %w: %s", miseNPMPackage, err, out)
	}
	return filepath.Join(dir, "node_modules", miseNPMPackage, "bin/mise"), nil
}

// measureProbe measures omg-probe in a directory that declares five runtimes.
func (b *bench) measureProbe() error {
	hello, err := b.buildHelloProgram()
	if err != nil {
		return err
	}
	home, dir, err := b.createProject()
	if err != nil {
		return err
	}
	env := append(slices.Clone(b.env), "HOME="+home,
		"MISE_TRUSTED_CONFIG_PATHS="+home, "MISE_OFFLINE=1", "MISE_IDIOMATIC_VERSION_FILE_ENABLE_TOOLS=node,python,go")
	probe := []string{filepath.Join(b.bin, "omg-probe"), "-C", dir}
	const on = "five version files"
	times, err := runAlternately(5*b.runsPerProgram, env, probe, []string{hello})
	if err != nil {
		return err
	}
	b.add(newRatioFigure("omg-probe", on, "Go hello", times[0], times[1], "under 1.6 times", 1/1.6))

	if mise, err := b.findMise(); err != nil {
		fmt.Fprintf(os.Stderr, "no mise: its figure is left out: %v\n", err)
	} else {
		times, err := runAlternately(b.runsPerProgram, env, probe, []string{mise, "-C", dir, "current"})
		if err != nil {
			return err
		}
		b.add(newRatioFigure("omg-probe", on, "mise current", times[0], times[1], "10 times faster", 10))
	}
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "no node: its figure is left out")
		return nil
	}
	if times, err = runAlternately(b.runsPerProgram, env, probe, []string{"node", "--version"}); err != nil {
		return err
	}
	b.add(newRatioFigure("omg-probe", on, "node --version", times[0], times[1], "", 1))
	return nil
}
