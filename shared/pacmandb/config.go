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

// Limits of a configuration. pacman itself allows 10 levels of Include.
const (
	maxConfigBytes  = 1 << 20 // of one file
	maxConfigFiles  = 1024
	maxConfigLevels = 16
	// maxConfigLine is the length at which pacman cuts a line.
	maxConfigLine = unix.PathMax - 1
)

// Config holds the settings of pacman.conf that concern databases and updates; settings that it leaves out have
// pacman's default.
type Config struct {
	RootDir, DBPath, LogFile string
	// Architectures are in order of preference; "auto" is replaced by this machine's.
	Architectures          []string
	IgnorePkg, IgnoreGroup []string // glob patterns
	CacheDir               []string
	// SigLevel holds the values of [options] as they are in the file, unchecked.
	SigLevel []string
	// Repos are in order of preference, each name once.
	Repos []Repo
	// Files are all the files that were read, pacman.conf first. Dirs are the directories in which the patterns of
	// Include were looked up: a file added there may belong to the configuration.
	Files, Dirs []string
}

// Repo is a repository of the configuration.
type Repo struct {
	Name string
	// Servers are URLs in order of preference. $repo and $arch are replaced; $arch stays if no architecture is
	// configured.
	Servers []string
	Usage   Usage
	// SigLevel holds the values as they are in the file, unchecked.
	SigLevel []string
	// Signature is what SigLevel, here and in [options], requires for the database.
	Signature Signature
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

// ConfigError is an error in a configuration, with its place.
type ConfigError struct {
	File    string
	Line    int // 0 for the file as a whole
	Problem string
}

// Error implements error.
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// ReadConfig reads pacman.conf at path and what it includes, as pacman does: relative paths in it start at the working
// directory, an included file continues the section that includes it and may begin others, and unknown settings are
// skipped. If a repository has two sections, the first counts.
//
// If path itself cannot be opened, the error is the system's, so that a missing file is fs.ErrNotExist; all others are
// *ConfigError.
func ReadConfig(path string) (*Config, error) {
	r := configReader{config: &Config{}}
	f, err := openConfig(path)
	if err != nil {
		return nil, err
	}
	if err := r.file(f, 0); err != nil {
		return nil, err
	}
	r.finish()
	return r.config, nil
}

// openConfig opens a file without blocking if it is a named pipe.
func openConfig(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// maxConfigWait limits how long ReadConfig waits for text from a pipe or a device.
var maxConfigWait = 2 * time.Second

// awaitText waits until a file that is not a regular one has text or has ended, and sets a deadline for reading it. A
// named pipe has neither until a process writes to it.
func awaitText(f *os.File) error {
	end := time.Now().Add(maxConfigWait)
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ready := 0
	if e := raw.Control(func(fd uintptr) {
		for { // until no signal interrupts it
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

// configReader holds the position in a configuration while it is read.
type configReader struct {
	config    *Config
	inSection bool
	repo      *Repo // of the current section, nil in [options]

	name string // of the current file
	line int    // in that file, from 1
}

func (r *configReader) errorf(format string, args ...any) error {
	return &ConfigError{File: r.name, Line: r.line, Problem: fmt.Sprintf(format, args...)}
}

// file reads and closes f. level is how many files include it, one in the other.
func (r *configReader) file(f *os.File, level int) error {
	defer f.Close()
	r.name, r.line = f.Name(), 0
	if r.config.Files = append(r.config.Files, f.Name()); len(r.config.Files) > maxConfigFiles {
		return r.errorf("the configuration has more than %d files", maxConfigFiles)
	}
	text, err := r.text(f, level)
	if err != nil {
		return err
	}
	return r.lines(text, level)
}

func (r *configReader) lines(text string, level int) error {
	for line := range strings.SplitSeq(text, "\n") {
		r.line++
		for len(line) > maxConfigLine { // pacman continues as if it were the next line
			if err := r.oneLine(line[:maxConfigLine], level); err != nil {
				return err
			}
			line = line[maxConfigLine:]
		}
		if err := r.oneLine(line, level); err != nil {
			return err
		}
	}
	return nil
}

func (r *configReader) oneLine(line string, level int) error {
	line, _, _ = strings.Cut(line, "\x00") // the end of a string in C
	line = trimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	if line[0] == '[' && line[len(line)-1] == ']' {
		return r.section(strings.TrimPrefix(line[:len(line)-1], "["))
	}
	key, value, hasValue := strings.Cut(line, "=")
	return r.directive(trimSpace(key), trimSpace(value), hasValue, level)
}

// trimSpace trims the characters that C's isspace accepts.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// text reads a whole file.
func (r *configReader) text(f *os.File, level int) (string, error) {
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

func (r *configReader) section(name string) error {
	r.inSection, r.repo = true, nil
	switch {
	case name == "options":
		return nil
	case name == "" || name == "local" || strings.Contains(name, "/"):
		return r.errorf("a repository cannot be named %.100q", name)
	}
	repos := &r.config.Repos
	if slices.ContainsFunc(*repos, func(repo Repo) bool { return repo.Name == name }) {
		r.repo = &Repo{Name: name} // read for its errors: libalpm registers a name once
		return nil
	}
	*repos = append(*repos, Repo{Name: name})
	r.repo = &(*repos)[len(*repos)-1]
	return nil
}

// directive handles a line "key = value", or "key" if hasValue is false.
func (r *configReader) directive(key, value string, hasValue bool, level int) error {
	switch {
	case key == "Include":
		if !hasValue {
			return r.errorf("Include needs a value")
		}
		return r.include(value, level)
	case !r.inSection:
		return r.errorf("%.100q stands before any section", key)
	case r.repo != nil:
		return r.repoDirective(key, value, hasValue)
	case hasValue:
		r.option(key, value)
	}
	return nil
}

func (r *configReader) option(key, value string) {
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
	case "CacheDir":
		c.CacheDir = append(c.CacheDir, splitWords(value)...)
	case "SigLevel":
		c.SigLevel = append(c.SigLevel, splitWords(value)...)
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

// splitWords splits a value at spaces. A tab is part of a word, as in pacman.
func splitWords(value string) []string {
	return strings.FieldsFunc(value, func(c rune) bool { return c == ' ' })
}

// machineArch returns the architecture of this machine as the kernel names it.
func machineArch() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "auto" // cannot fail with a valid pointer
	}
	return unix.ByteSliceToString(name.Machine[:])
}

var usages = map[string]Usage{
	"Sync": UsageSync, "Search": UsageSearch, "Install": UsageInstall, "Upgrade": UsageUpgrade, "All": UsageAll,
}

func (r *configReader) repoDirective(key, value string, hasValue bool) error {
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

// include reads the files that match pattern, in order, or the file of exactly that name if none matches.
func (r *configReader) include(pattern string, level int) error {
	if level == maxConfigLevels {
		return r.errorf("files include each other more than %d levels deep", maxConfigLevels)
	}
	paths, ok := expand(pattern, maxConfigFiles)
	if !ok {
		return r.errorf("Include names more than %d files", maxConfigFiles)
	}
	if at := strings.IndexAny(pattern, specialInPattern); at >= 0 {
		r.config.Dirs = append(r.config.Dirs, cmp.Or(pattern[:strings.LastIndexByte(pattern[:at], '/')+1], "."))
	}
	name, line := r.name, r.line
	for _, path := range paths {
		f, err := openConfig(path)
		if err != nil {
			return r.errorf("Include: %v", err)
		}
		if err := r.file(f, level+1); err != nil {
			return err
		}
		r.name, r.line = name, line
	}
	return nil
}

// finish fills in the defaults and the variables.
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
		repo.Signature = signature(append(slices.Clone(c.SigLevel), repo.SigLevel...))
		for k, server := range repo.Servers {
			server = strings.ReplaceAll(server, "$repo", repo.Name)
			if len(c.Architectures) > 0 {
				server = strings.ReplaceAll(server, "$arch", c.Architectures[0])
			}
			repo.Servers[k] = server
		}
	}
}
