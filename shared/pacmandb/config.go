package pacmandb

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a configuration. pacman itself allows files to include each other 10 levels deep.
const (
	maxConfigBytes  = 1 << 20 // the size of one configuration file
	maxConfigFiles  = 1024
	maxConfigLevels = 16
	// maxConfigLine is the length in bytes at which pacman cuts a line.
	maxConfigLine = unix.PathMax - 1
)

// Config holds the settings of pacman.conf that concern databases and updates. A setting that the file leaves out has
// pacman's default.
type Config struct {
	RootDir, DBPath, LogFile string
	// Architectures are in order of preference; "auto" is replaced by the architecture of this machine.
	Architectures          []string
	IgnorePkg, IgnoreGroup []string // glob patterns
	CacheDir               []string
	// HasCacheDir reports whether the file sets CacheDir.
	HasCacheDir bool
	// HookDir lists the directories of hooks, and GPGDir is that of pacman's keys. Both are empty if the file does not set them.
	HookDir []string
	GPGDir  string
	// NoExtract holds glob patterns of files that pacman does not install. A pattern after an exclamation mark is an exception.
	NoExtract []string
	// Color reports whether pacman uses colours on a terminal.
	Color bool
	// SigLevel holds the values of SigLevel in [options], as written in the file and unchecked.
	SigLevel []string
	// Repos are in order of preference; no two have the same name.
	Repos []Repo
	// ConfigFiles are all files that were read, pacman.conf first. IncludeDirs are the directories in which files were searched for
	// the patterns of Include: a file that is added to one of these directories may belong to the configuration.
	ConfigFiles, IncludeDirs []string
}

// Repo is a repository of the configuration.
type Repo struct {
	Name string
	// Servers are URLs in order of preference. The variable $repo is replaced, and so is $arch if an architecture is
	// configured.
	Servers []string
	Usage   Usage
	// SigLevel holds the values of the repository's SigLevel, as written in the file and unchecked.
	SigLevel []string
	// SignaturePolicy is what the SigLevel of [options] and of the repository together require for the database.
	SignaturePolicy SignaturePolicy
}

// Usage is a set of the operations for which pacman uses a repository.
type Usage uint8

// The bits of a Usage, with libalpm's values.
const (
	UsageSync Usage = 1 << iota
	UsageSearch
	UsageInstall
	UsageUpgrade
	UsageAll = UsageSync | UsageSearch | UsageInstall | UsageUpgrade
)

// ConfigError is an error in a configuration, with the file and line.
type ConfigError struct {
	File    string
	Line    int // counted from 1; 0 if the error concerns the whole file
	Problem string
}

// Error implements error.
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// ReadConfig reads pacman.conf at path and the files that it includes, as pacman does: relative paths in them start at
// the working directory, an included file continues the section that includes it and may begin other sections, and
// unknown settings are skipped. If a repository has two sections, the first applies.
//
// If the file at path itself cannot be opened, the error is that of the system; for a missing file it wraps
// fs.ErrNotExist. All other errors are of type *ConfigError.
func ReadConfig(path string) (*Config, error) { return ReadConfigWithRoot(path, "") }

// ReadConfigWithRoot is like ReadConfig, but the parameter root replaces RootDir, also in the defaults of other settings, as
// pacman's option --root does. If root is empty, the file sets RootDir.
func ReadConfigWithRoot(path, root string) (*Config, error) {
	r := configReader{config: &Config{RootDir: root}}
	f, err := openConfig(path)
	if err != nil {
		return nil, err
	}
	if err := r.readFile(f, 0); err != nil {
		return nil, err
	}
	r.finish()
	return r.config, nil
}

// openConfig opens a file, and does not block if the file is a named pipe.
func openConfig(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// maxConfigWait limits how long ReadConfig waits for text from a pipe or a device.
var maxConfigWait = 2 * time.Second

// awaitText waits until a file that is not a regular file has text or has ended, and sets a deadline for reading it. It
// is for named pipes, which have no text and no end until a process writes to them.
func awaitText(f *os.File) error {
	end := time.Now().Add(maxConfigWait)
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ready := 0
	if e := raw.Control(func(fd uintptr) {
		for { // poll is called again if a signal interrupts it
			left := max(time.Until(end), 0).Milliseconds()
			ready, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left))
			if err != unix.EINTR {
				return
			}
		}
	}); e != nil {
		return e
	}
	if err == nil && ready == 0 {
		err = os.ErrDeadlineExceeded
	}
	if err != nil {
		return err
	}
	if err := f.SetReadDeadline(end); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return err
	}
	return nil
}

// configReader holds the state while a configuration is read.
type configReader struct {
	config    *Config
	inSection bool
	repo      *Repo // the repository of the current section; nil in [options]

	fileName   string // the name of the current file
	lineNumber int    // the number of the current line in the current file, counted from 1
}

func (r *configReader) errorf(format string, args ...any) error {
	return &ConfigError{File: r.fileName, Line: r.lineNumber, Problem: fmt.Sprintf(format, args...)}
}

// readFile reads the configuration in f and closes f. The parameter level is the number of files that include f: 0 for
// pacman.conf, 1 for a file that pacman.conf includes, and so on.
func (r *configReader) readFile(f *os.File, level int) error {
	defer f.Close()
	r.fileName, r.lineNumber = f.Name(), 0
	if r.config.ConfigFiles = append(r.config.ConfigFiles, f.Name()); len(r.config.ConfigFiles) > maxConfigFiles {
		return r.errorf("the configuration has more than %d files", maxConfigFiles)
	}
	text, err := r.readText(f, level)
	if err != nil {
		return err
	}
	return r.handleLines(text, level)
}

func (r *configReader) handleLines(text string, level int) error {
	for line := range strings.SplitSeq(text, "\n") {
		r.lineNumber++
		for len(line) > maxConfigLine { // pacman treats the rest of the line as another line
			if err := r.handleLine(line[:maxConfigLine], level); err != nil {
				return err
			}
			line = line[maxConfigLine:]
		}
		if err := r.handleLine(line, level); err != nil {
			return err
		}
	}
	return nil
}

func (r *configReader) handleLine(line string, level int) error {
	line, _, _ = strings.Cut(line, "\x00") // a zero byte ends a string in C
	line = trimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	if line[0] == '[' && line[len(line)-1] == ']' {
		return r.beginSection(strings.TrimPrefix(line[:len(line)-1], "["))
	}
	key, value, hasValue := strings.Cut(line, "=")
	return r.handleDirective(trimSpace(key), trimSpace(value), hasValue, level)
}

// trimSpace removes the characters that C's isspace accepts from both ends of s.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// readText reads the whole text of a file.
func (r *configReader) readText(f *os.File, level int) (string, error) {
	fi, err := f.Stat()
	if err != nil {
		return "", r.errorf("cannot be read: %v", err)
	}
	switch {
	case fi.IsDir() && level > 0:
		return "", nil // pacman treats an included directory as an empty file
	case fi.IsDir():
		return "", r.errorf("is a directory")
	case !fi.Mode().IsRegular():
		if err := awaitText(f); err != nil {
			return "", r.errorf("cannot be read: %v", err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return "", r.errorf("cannot be read: %v", err)
	}
	if len(text) > maxConfigBytes {
		return "", r.errorf("is larger than %d KiB", maxConfigBytes>>10)
	}
	return string(text), nil
}

func (r *configReader) beginSection(name string) error {
	r.inSection, r.repo = true, nil
	switch {
	case name == "options":
		return nil
	case name == "" || name == "local" || strings.Contains(name, "/"):
		return r.errorf("a repository cannot be named %.100q", name)
	}
	repos := &r.config.Repos
	if slices.ContainsFunc(*repos, func(repo Repo) bool { return repo.Name == name }) {
		// If a repository has several sections, libalpm uses only the first. Parse a later section into an unused
		// Repo, only to find the errors in the section.
		r.repo = &Repo{Name: name}
		return nil
	}
	*repos = append(*repos, Repo{Name: name})
	r.repo = &(*repos)[len(*repos)-1]
	return nil
}

// handleDirective handles a line "key = value", or "key" if hasValue is false.
func (r *configReader) handleDirective(key, value string, hasValue bool, level int) error {
	switch {
	case key == "Include":
		if !hasValue {
			return r.errorf("Include needs a value")
		}
		return r.include(value, level)
	case !r.inSection:
		return r.errorf("%.100q is before the first section", key)
	case r.repo != nil:
		return r.setRepoOption(key, value, hasValue)
	case hasValue:
		r.setOption(key, value)
	case key == "Color":
		r.config.Color = true
	}
	return nil
}

func (r *configReader) setOption(key, value string) {
	c := r.config
	first := func(field *string) {
		if *field == "" {
			*field = value
		}
	}
	switch key {
	case "RootDir":
		first(&c.RootDir)
	case "DBPath":
		first(&c.DBPath)
	case "LogFile":
		first(&c.LogFile)
	case "GPGDir":
		first(&c.GPGDir)
	case "HookDir":
		c.HookDir = append(c.HookDir, splitWords(value)...)
	case "CacheDir":
		c.CacheDir, c.HasCacheDir = append(c.CacheDir, splitWords(value)...), true
	case "SigLevel":
		c.SigLevel = append(c.SigLevel, splitWords(value)...)
	case "NoExtract":
		c.NoExtract = append(c.NoExtract, splitWords(value)...)
	case "IgnorePkg":
		c.IgnorePkg = append(c.IgnorePkg, splitWords(value)...)
	case "IgnoreGroup":
		c.IgnoreGroup = append(c.IgnoreGroup, splitWords(value)...)
	case "Architecture":
		for _, arch := range splitWords(value) {
			if arch == "auto" {
				arch = machineArch()
			}
			c.Architectures = append(c.Architectures, arch)
		}
	}
}

// splitWords splits a value at spaces. As in pacman, a tab is part of a word.
func splitWords(value string) []string {
	return strings.FieldsFunc(value, func(c rune) bool { return c == ' ' })
}

// machineArch returns this machine's architecture, as the kernel calls it.
func machineArch() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "auto" // uname cannot fail with a valid pointer
	}
	return unix.ByteSliceToString(name.Machine[:])
}

var usages = map[string]Usage{
	"Sync": UsageSync, "Search": UsageSearch, "Install": UsageInstall, "Upgrade": UsageUpgrade, "All": UsageAll,
}

func (r *configReader) setRepoOption(key, value string, hasValue bool) error {
	switch key {
	case "Server", "Usage", "SigLevel":
		if !hasValue {
			return r.errorf("%s needs a value", key)
		}
	}
	switch key {
	case "Server":
		r.repo.Servers = append(r.repo.Servers, value)
	case "SigLevel":
		r.repo.SigLevel = append(r.repo.SigLevel, splitWords(value)...)
	case "Usage":
		for _, word := range splitWords(value) {
			usage, ok := usages[word]
			if !ok {
				return r.errorf("Usage %.100q is not known", word)
			}
			r.repo.Usage |= usage
		}
	}
	return nil
}

// include reads the files that match a pattern, in order of name. If no file matches, it reads the file whose name is
// the pattern itself.
func (r *configReader) include(pattern string, level int) error {
	if level == maxConfigLevels {
		return r.errorf("files include each other more than %d levels deep", maxConfigLevels)
	}
	paths, ok := expandGlob(pattern, maxConfigFiles)
	if !ok {
		return r.errorf("Include matches more than %d files", maxConfigFiles)
	}
	if at := strings.IndexAny(pattern, specialInPattern); at >= 0 {
		r.config.IncludeDirs = append(r.config.IncludeDirs, cmp.Or(pattern[:strings.LastIndexByte(pattern[:at], '/')+1], "."))
	}
	name, line := r.fileName, r.lineNumber
	for _, path := range paths {
		f, err := openConfig(path)
		if err != nil {
			return r.errorf("Include: %v", err)
		}
		if err := r.readFile(f, level+1); err != nil {
			return err
		}
		r.fileName, r.lineNumber = name, line
	}
	return nil
}

// finish fills in the defaults and replaces the variables.
func (r *configReader) finish() {
	c := r.config
	root := strings.TrimSuffix(c.RootDir, "/")
	for _, d := range []struct {
		field *string
		value string
	}{
		{&c.RootDir, "/"},
		{&c.DBPath, root + "/var/lib/pacman/"},
		{&c.LogFile, root + "/var/log/pacman.log"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if c.CacheDir == nil {
		c.CacheDir = []string{"/var/cache/pacman/pkg/"}
	}
	for i := range c.Repos {
		repo := &c.Repos[i]
		if repo.Usage == 0 {
			repo.Usage = UsageAll
		}
		repo.SignaturePolicy = parseSignaturePolicy(append(slices.Clone(c.SigLevel), repo.SigLevel...))
		for k, server := range repo.Servers {
			server = strings.ReplaceAll(server, "$repo", repo.Name)
			if len(c.Architectures) > 0 {
				server = strings.ReplaceAll(server, "$arch", c.Architectures[0])
			}
			repo.Servers[k] = server
		}
	}
}
