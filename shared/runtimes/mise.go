package runtimes

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// miseState contains the settings that decide which configuration files of mise are read, and the files that have been read.
type miseState struct {
	configNames             []string        // names of the configuration files in a directory, by precedence
	envs                    []string        // the environments in MISE_ENV; later environments take precedence
	hasEnvSpecificFragments bool            // the setting env_conf_d: conf.d/NAME.ENV.toml only applies to the environment ENV
	toolVersionsNames       []string        // names of the files in asdf's format, by precedence; by default .tool-versions
	ceilings                map[string]bool // the directories in mise's setting ceiling_paths, at which its search upwards ends
	ignoredPaths            []string        // configuration files that must not be read, and directories of such files
	files                   map[string]*miseFile
	lockedVersions          map[string]map[string][]string // the locked versions, by the lock file's path and the tool
	settings                *miseSettings
	otherSystemsOnly        map[string]bool // runtimes that mise does not manage here, because the file requests them only for other systems
}

// miseSettings has the merged settings of all configuration files of mise.
type miseSettings struct {
	disabledTools, enabledTools, idiomaticTools []string
	onlyEnabled                                 bool
	noLock                                      bool
	monorepoRoot                                string // the directory whose lock files apply to all directories below
	aliases                                     map[string]map[string]string
}

func (p *Prober) miseConfigDir() string {
	return p.findDirOnce("MISE_CONFIG_DIR", func() string {
		if d := p.absPathFromEnv("MISE_CONFIG_DIR"); d != "" {
			return d
		}
		return p.configHomeSubdir("mise")
	})
}

// isMiseInstalled reports whether the user has installed mise.
func (p *Prober) isMiseInstalled() bool {
	return p.isPresent(p.miseInstalls()) || p.isPresent(p.miseConfigDir())
}

// loadMise returns the settings that decide which files mise reads. It determines the settings at its first call. A setting
// comes from the environment, otherwise from the nearest .miserc.toml that contains the setting.
func (p *Prober) loadMise() *miseState {
	if p.cachedMise != nil {
		return p.cachedMise
	}
	m := &miseState{
		files: map[string]*miseFile{}, lockedVersions: map[string]map[string][]string{}, otherSystemsOnly: map[string]bool{}, ceilings: map[string]bool{},
	}
	p.cachedMise = m
	rc := tomlTable{}
	if p.isMiseInstalled() {
		rc = p.miserc()
	}
	setting := func(variable, separator, key string) []string {
		if value := p.shellEnvVariable(variable); value != "" {
			return strings.Split(value, separator)
		}
		return tomlStrings(rc[key])
	}
	flag := func(variable, key string) bool {
		if value := p.shellEnvVariable(variable); value != "" {
			return parseBool(value)
		}
		on, _ := rc[key].(bool)
		return on
	}
	if flag("MISE_AUTO_ENV", "auto_env") {
		m.envs = []string{"unix", "linux", "linux-" + miseArch(runtime.GOARCH)}
	}
	for _, env := range setting("MISE_ENV", ",", "env") {
		if env = strings.TrimSpace(env); Showable(env) && !strings.Contains(env, "/") {
			m.envs = append(m.envs, env)
		}
	}
	m.hasEnvSpecificFragments = flag("MISE_ENV_CONF_D", "env_conf_d")
	for i := len(m.envs) - 1; i >= 0; i-- {
		for _, name := range miseEnvFilePatterns {
			m.configNames = append(m.configNames, strings.Replace(name, "*", m.envs[i], 1))
		}
	}
	if others := filterLocalFileNames(setting("MISE_OVERRIDE_CONFIG_FILENAMES", ":", "override_config_filenames")); len(others) > 0 {
		slices.Reverse(others)
		m.configNames = append(m.configNames, others...)
	} else {
		if name := filterLocalFileNames([]string{p.shellEnvVariable("MISE_DEFAULT_CONFIG_FILENAME")}); len(name) > 0 {
			m.configNames = append(m.configNames, name...)
		}
		if m.configNames == nil {
			m.configNames = miseConfigPaths
		} else {
			m.configNames = append(m.configNames, miseConfigPaths...)
		}
	}
	m.toolVersionsNames = filterLocalFileNames(setting("MISE_OVERRIDE_TOOL_VERSIONS_FILENAMES", ":", "override_tool_versions_filenames"))
	slices.Reverse(m.toolVersionsNames)
	if len(m.toolVersionsNames) == 0 {
		m.toolVersionsNames = append(filterLocalFileNames([]string{p.shellEnvVariable("MISE_DEFAULT_TOOL_VERSIONS_FILENAME")}), toolVersionsFile)
	}
	for _, dir := range setting("MISE_CEILING_PATHS", ":", "ceiling_paths") {
		m.ceilings[p.expanded(dir)] = true
	}
	for _, path := range setting("MISE_IGNORED_CONFIG_PATHS", ":", "ignored_config_paths") {
		if path = p.expanded(path); filepath.IsAbs(path) {
			m.ignoredPaths = append(m.ignoredPaths, path)
		}
	}
	return m
}

// shellEnvVariable returns an environment variable; "" if the environment is not that of a shell.
func (p *Prober) shellEnvVariable(name string) string {
	if !p.inShell() {
		return ""
	}
	return p.env.Getenv(name)
}

// expanded returns a path with ~ replaced by the home directory.
func (p *Prober) expanded(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return p.homePath(rest)
	}
	return filepath.Clean(path)
}

func parseBool(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "y", "on":
		return true
	}
	return false
}

// filterLocalFileNames returns at most maxConfD of the names. It leaves out absolute paths, and paths such as ../mise.toml.
func filterLocalFileNames(names []string) []string {
	var all []string
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" && filepath.IsLocal(name) && filepath.Clean(name) == name && len(all) < maxConfD {
			all = append(all, name)
		}
	}
	return all
}

// miserc returns the settings in all files .miserc.toml. If several files contain a key, the nearest file decides.
func (p *Prober) miserc() tomlTable {
	all := tomlTable{}
	read := func(path string) {
		if text, ok := p.read(path); ok {
			one, err := parseTOML(text)
			if err != nil {
				p.addNote(path, err.Error())
			}
			for key, value := range one {
				if _, known := all[key]; !known {
					all[key] = value
				}
			}
		}
	}
	_, dirs := p.dirChains()
	for i := 0; ; i++ {
		l := dirs.at(i)
		if l == nil {
			break
		}
		if l.has(".miserc.toml") {
			read(filepath.Join(l.dir, ".miserc.toml"))
		}
		if l.dir == dirs.home {
			break
		}
		if l.has(".config") {
			read(filepath.Join(l.dir, ".config/miserc.toml"))
		}
	}
	for _, dir := range []string{p.miseConfigDir(), p.miseSystemDir()} {
		if p.isPresent(dir) {
			read(filepath.Join(dir, "miserc.toml"))
		}
	}
	return all
}

func (p *Prober) miseSystemDir() string { return p.env.Root + "/etc/mise" }

// isAboveMiseCeiling reports whether mise's search upwards from the working directory ends before it reaches dir. It ends at the
// directories in mise's setting ceiling_paths: mise reads no files in such a directory or above it.
func (p *Prober) isAboveMiseCeiling(dir string) bool {
	for ceiling := range p.loadMise().ceilings {
		if inside(ceiling, dir) && inside(p.physicalWorkDir(), ceiling) {
			return true
		}
	}
	return false
}

// miseFilesIn returns mise's configuration files in a directory, by precedence.
func (p *Prober) miseFilesIn(l *dirLevel) []*miseFile {
	m := p.loadMise()
	if l.miseFilesRead || p.isAboveMiseCeiling(l.dir) {
		return l.miseFiles
	}
	l.miseFilesRead = true
	for _, name := range m.configNames {
		first, _, _ := strings.Cut(name, "/")
		if l.has(first) {
			l.miseFiles = append(l.miseFiles, p.readMiseConfigs(filepath.Join(l.dir, name), l.dir)...)
		}
	}
	return l.miseFiles
}

// miseGlobalFiles returns mise's configuration files of the user and those of the system.
func (p *Prober) miseGlobalFiles() []*miseFile {
	m := p.loadMise()
	var all []*miseFile
	directory := func(dir string) {
		if !p.isPresent(dir) {
			return
		}
		var names []string
		for i := len(m.envs) - 1; i >= 0; i-- {
			names = append(names, "mise."+m.envs[i]+".local.toml", "config."+m.envs[i]+".local.toml")
		}
		names = append(names, "mise.local.toml", "config.local.toml")
		for i := len(m.envs) - 1; i >= 0; i-- {
			names = append(names, "mise."+m.envs[i]+".toml", "config."+m.envs[i]+".toml")
		}
		for _, name := range append(names, "mise.toml", "config.toml", "conf.d") {
			all = append(all, p.readMiseConfigs(filepath.Join(dir, name), dir)...)
		}
	}
	if path := p.absPathFromEnv("MISE_GLOBAL_CONFIG_FILE"); path != "" {
		all = append(all, p.readMiseConfigs(path, filepath.Dir(path))...)
	} else {
		directory(p.miseConfigDir())
	}
	directory(p.miseSystemDir())
	return all
}

// readMiseConfigs reads a configuration file of mise, or all files in a directory named conf.d. In such a directory, the last
// file takes precedence.
func (p *Prober) readMiseConfigs(path, root string) []*miseFile {
	m := p.loadMise()
	for _, not := range m.ignoredPaths {
		if path == not || strings.HasPrefix(path, not+"/") {
			return nil
		}
	}
	paths := []string{path}
	if filepath.Base(path) == "conf.d" {
		paths = p.miseFragments(path)
	}
	var all []*miseFile
	for _, path := range paths {
		f, known := m.files[path]
		if !known {
			f = p.parseMise(path, root)
			m.files[path] = f
		}
		if f != nil {
			all = append(all, f)
		}
	}
	return all
}

func (p *Prober) miseFragments(dir string) []string {
	if !p.isPresent(dir) {
		return nil
	}
	m := p.loadMise()
	var files []string
	for _, e := range p.managerDirEntries(dir, maxEntries) {
		stem, isTOML := strings.CutSuffix(e.name, ".toml")
		if !isTOML || e.name[0] == '.' {
			continue
		}
		_, env, dotted := strings.Cut(strings.TrimSuffix(stem, ".local"), ".")
		if m.hasEnvSpecificFragments && dotted && !slices.Contains(m.envs, env) {
			continue
		}
		files = append(files, e.name)
	}
	if len(files) > maxConfD {
		p.addNote(dir, "too many files")
	}
	return pathsInReverseOrder(dir, files)
}

// toolVersionsNames returns the names of the files in asdf's format, by precedence.
func (p *Prober) toolVersionsNames() []string {
	name := p.shellEnvVariable("ASDF_DEFAULT_TOOL_VERSIONS_FILENAME")
	if name == "" || strings.Contains(name, "/") {
		return p.loadMise().toolVersionsNames
	}
	if !p.isMiseInstalled() {
		return []string{name}
	}
	return append([]string{name}, p.loadMise().toolVersionsNames...)
}

// miseSettings returns the settings in mise's configuration files: those in the working directory and the directories
// above it, and the global ones.
// Lists are not merged: each list comes from the file that takes precedence.
func (p *Prober) miseSettings() *miseSettings {
	m := p.loadMise()
	if m.settings != nil {
		return m.settings
	}
	s := &miseSettings{aliases: map[string]map[string]string{}}
	m.settings = s
	seen := map[string]bool{}
	lock, locks := false, true
	var disabled, enabled, idiomatic []string
	add := func(f *miseFile) {
		settings, _ := f.content["settings"].(tomlTable)
		take := func(to *[]string, key string) {
			if *to == nil && settings[key] != nil {
				*to = tomlStrings(settings[key])
			}
		}
		take(&disabled, "disable_tools")
		take(&enabled, "enable_tools")
		take(&idiomatic, "idiomatic_version_file_enable_tools")
		if on, is := settings["lockfile"].(bool); is && !seen["lockfile"] {
			seen["lockfile"], locks = true, on
		}
		if on, _ := f.content["monorepo_root"].(bool); on && s.monorepoRoot == "" {
			s.monorepoRoot = f.root
			lock, _ = lookupTOML(f.content, "monorepo", "lockfile").(bool)
		}
		for _, key := range []string{"tool_alias", "alias"} {
			tools, _ := f.content[key].(tomlTable)
			for name := range tools {
				versions, _ := lookupTOML(tools, name, "versions").(tomlTable)
				if versions == nil {
					versions, _ = lookupTOML(tools, name).(tomlTable)
				}
				for from, to := range versions {
					if s.aliases[canonicalMiseToolName(name)] == nil {
						s.aliases[canonicalMiseToolName(name)] = map[string]string{}
					}
					if _, known := s.aliases[canonicalMiseToolName(name)][from]; !known && tomlString(to) != "" {
						s.aliases[canonicalMiseToolName(name)][from] = tomlString(to)
					}
				}
			}
		}
	}
	_, dirs := p.dirChains()
	for i := 0; ; i++ {
		l := dirs.at(i)
		if l == nil {
			break
		}
		for _, f := range p.miseFilesIn(l) {
			add(f)
		}
	}
	for _, f := range p.miseGlobalFiles() {
		add(f)
	}
	variable := func(to *[]string, name string) {
		if value := p.shellEnvVariable(name); value != "" {
			*to = strings.Split(value, ",")
		}
	}
	variable(&disabled, "MISE_DISABLE_TOOLS")
	variable(&enabled, "MISE_ENABLE_TOOLS")
	variable(&idiomatic, "MISE_IDIOMATIC_VERSION_FILE_ENABLE_TOOLS")
	if value := p.shellEnvVariable("MISE_LOCKFILE"); value != "" {
		locks = parseBool(value)
	}
	if !lock {
		s.monorepoRoot = ""
	}
	s.noLock = !locks
	s.disabledTools, s.idiomaticTools = canonicalMiseToolNames(disabled), canonicalMiseToolNames(idiomatic)
	s.enabledTools, s.onlyEnabled = canonicalMiseToolNames(enabled), len(enabled) > 0
	return s
}

func canonicalMiseToolNames(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, canonicalMiseToolName(strings.TrimSpace(name)))
	}
	return all
}

// canonicalMiseToolName returns the runtime that mise means by a tool's name. The name of any other tool is returned unchanged.
func canonicalMiseToolName(name string) string {
	if runtime, known := Canonical(strings.TrimPrefix(name, "core:")); known {
		return runtime
	}
	return name
}

// miseArch returns mise's name for a processor architecture.
func miseArch(arch string) string {
	switch arch {
	case "x86_64", "amd64", "x64":
		return "x64"
	case "aarch64", "arm64":
		return "arm64"
	}
	return arch
}
