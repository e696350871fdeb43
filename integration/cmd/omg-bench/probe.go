package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
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

// commandCounts are the numbers of commands in the repositories of the measurement of missing commands, about those of Arch Linux.
var commandCounts = map[string]int{"core": 4_000, "extra": 50_000, "multilib": 500}

// knownCommand is a command of the measurement, and similarCommand another one with a typing error.
const (
	knownCommand   = "ripgrep-all"
	similarCommand = "rigprep-all"
)

// createFilesIndexes creates a home directory with files indexes, whose commands have names of random syllables.
func (b *bench) createFilesIndexes() (home string, err error) {
	home = filepath.Join(b.dir, "commands")
	dir := paths.IndexDir(paths.Env{Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}.DataDir(""))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return home, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("ab ar bat ca con de dia ex fi gen gi gtk in k lib ma mk net o pa pro qt re rip sh sys to un x xml z 2 -")
	for repo, count := range commandCounts {
		index := filesindex.NewBuilder(repo, filesindex.BuildInfo{Builder: "omg-bench", AsOf: time.Now().Unix()})
		for i := 0; i < count; i += 4 {
			var files []string
			for range 4 {
				name := ""
				for range 2 + random.IntN(4) {
					name += syllables[random.IntN(len(syllables))]
				}
				files = append(files, "usr/bin/"+name)
			}
			if i == 0 && repo == "extra" {
				files = append(files, "usr/bin/"+knownCommand)
			}
			if err := index.Add(fmt.Sprint("package-", i), "1.0-1", files); err != nil {
				return home, err
			}
		}
		if err := index.WriteFile(filepath.Join(dir, repo+".files"+sources.IndexSuffix)); err != nil {
			return home, err
		}
	}
	return home, nil
}

// measureCommand measures omg-probe for a command that a shell has not found.
func (b *bench) measureCommand() error {
	hello, err := b.buildHelloProgram()
	if err != nil {
		return err
	}
	home, err := b.createFilesIndexes()
	if err != nil {
		return err
	}
	env := slices.Concat([]string{"HOME=" + home}, b.env) // of two values of a variable, programs use the first
	for _, c := range []struct{ name, on string }{
		{knownCommand, "55000 commands"}, {similarCommand, "55000 commands, close names"},
	} {
		// Without a deadline, because a busy machine would make it exit without an answer.
		times, err := runAlternately(5*b.runsPerProgram, env, []string{filepath.Join(b.bin, "omg-probe"), "command", "--deadline", "0", c.name}, []string{hello})
		if err != nil {
			return err
		}
		row := newRatioFigure("omg-probe command", c.on, "Go hello", times[0], times[1], "at most 3 ms more", 0)
		row.AimMet = times[0].median()-times[1].median() <= 3
		b.add(row)
	}
	return nil
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
