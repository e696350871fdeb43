package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/runtimes"
)

// defaultDeadline limits how long a prompt waits, and commandDeadline how long a shell waits that has not found a command.
const (
	defaultDeadline = 10 * time.Millisecond
	commandDeadline = 15 * time.Millisecond
)

// allWord is the argument "all": with --status, it requests the runtimes in addition to the numbers.
const allWord = "all"

// options are the parsed arguments.
type options struct {
	help, version bool
	isInit        bool
	shell         string   // the shell's name, which follows the argument init
	forCommands   bool     // --commands: init prints the code for missing commands
	forBrowse     bool     // --browse: init prints the code for the package browser
	browseKey     string   // the key that opens it; empty for the default
	isCommand     bool     // the argument command was given
	commandNames  []string // the arguments after command
	numberName    string   // the name of the requested number: ec, tc, oc or uc; "" if none was requested
	runtimes      []string // the runtimes that were requested by name
	hasAllWord    bool     // allWord was given

	wantsStatus       bool
	includeUndeclared bool // --all: include the runtimes that neither the shell nor the project declares
	noEnv             bool
	explain           bool
	format            string
	deadline          time.Duration // 0: none; negative: not given

	dir              string
	topDir           string
	socket           string
	dataDir          string
	dbPath           string
	crossFileSystems bool
	searchRemoteFS   bool

	forwardedArgs []string // the arguments except init and the shell's name; the generated shell code runs omg-probe with these arguments
}

// isTemplate reports whether the format is a template, which may contain any runtime.
func (o *options) isTemplate() bool { return strings.Contains(o.format, "{{") }

// wantsRuntimes reports whether the report needs runtimes.
func (o *options) wantsRuntimes() bool {
	return !o.wantsStatus || o.hasAllWord || o.includeUndeclared || len(o.runtimes) > 0 || o.isTemplate()
}

// onlyDeclared reports whether the report omits the runtimes that neither the shell nor the project declares. It
// includes them if --all is set, if a runtime is named, or if the format is a template.
func (o *options) onlyDeclared() bool {
	return len(o.runtimes) == 0 && !o.includeUndeclared && !o.isTemplate()
}

// isStatusBar reports whether the report is for a status bar, whose environment is not that of a shell.
func (o *options) isStatusBar() bool {
	switch o.format {
	case "tmux", "waybar", "polybar", "i3blocks":
		return true
	}
	return o.noEnv
}

// parseArgs parses the arguments. Package flag is not used because it accepts neither flags after other arguments nor
// -C/dir.
func parseArgs(args []string) (*options, error) {
	o := &options{deadline: -1, format: "plain"}
	flags := true
	for i := 0; i < len(args); i++ {
		word := args[i]
		if !flags || len(word) < 2 || word[0] != '-' {
			if err := o.parsePositional(word); err != nil {
				return nil, err
			}
			continue
		}
		if word == "--" {
			flags = false
			continue
		}
		name, value, has := strings.Cut(word, "=")
		if !strings.HasPrefix(word, "--") && len(word) > 2 { // -C/dir, -fjson
			name, value, has = word[:2], word[2:], true
		}
		if flag := o.boolFlag(name); flag != nil {
			if has {
				return nil, usageErrorf("%s takes no value", name)
			}
			*flag = true
			if !o.help && !o.version && flag != &o.forCommands && flag != &o.forBrowse {
				o.forwardedArgs = append(o.forwardedArgs, word)
			}
			continue
		}
		set := o.valueSetter(name)
		if set == nil {
			return nil, usageErrorf("%s is not a flag of omg-probe", quote(name))
		}
		if !has {
			if i++; i == len(args) {
				return nil, usageErrorf("%s needs a value", name)
			}
			value = args[i]
		}
		if err := set(value); err != nil {
			return nil, err
		}
		if name != "--key" {
			o.forwardedArgs = append(o.forwardedArgs, name, value)
		}
	}
	return o, o.validate()
}

// waitLimit returns the time after which the program prints what it knows.
func (o *options) waitLimit() time.Duration {
	switch {
	case o.deadline >= 0:
		return o.deadline
	case o.isCommand:
		return commandDeadline
	}
	return defaultDeadline
}

func (o *options) boolFlag(name string) *bool {
	switch name {
	case "-h", "--help":
		return &o.help
	case "-V", "--version":
		return &o.version
	case "-s", "--status":
		return &o.wantsStatus
	case "-w", "--why":
		return &o.explain
	case "-a", "--all":
		return &o.includeUndeclared
	case "--no-env":
		return &o.noEnv
	case "--cross-borders":
		return &o.crossFileSystems
	case "--remote":
		return &o.searchRemoteFS
	case "--commands":
		return &o.forCommands
	case "--browse":
		return &o.forBrowse
	}
	return nil
}

func (o *options) valueSetter(name string) func(string) error {
	text := func(to *string) func(string) error {
		return func(value string) error {
			if value == "" {
				return usageErrorf("%s must not be empty", name)
			}
			*to = value
			return nil
		}
	}
	switch name {
	case "-C", "--directory":
		return text(&o.dir)
	case "-f", "--format":
		return text(&o.format)
	case "--key":
		return text(&o.browseKey)
	case "--top":
		return text(&o.topDir)
	case "--socket":
		return text(&o.socket)
	case "--data-dir":
		return text(&o.dataDir)
	case "--dbpath":
		return text(&o.dbPath)
	case "--deadline":
		return func(value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return usageErrorf("--deadline must be a time such as 10ms, or 0 for none, not %s", quote(value))
			}
			o.deadline = d
			return nil
		}
	}
	return nil
}

// parsePositional handles an argument that is not a flag: the name of a runtime, the name of a number (ec, tc, oc, uc), all, init
// and the shell's name, or command and the command's name.
func (o *options) parsePositional(word string) error {
	isFirst := !o.isInit && len(o.runtimes) == 0 && !o.hasAllWord && o.numberName == ""
	switch {
	case o.isCommand:
		o.commandNames = append(o.commandNames, word)
		return nil
	case o.isInit && o.shell == "":
		o.shell = word
		return nil
	case word == "init" && isFirst:
		o.isInit = true
		return nil
	case word == "command" && isFirst:
		o.isCommand = true
		return nil
	case word == "ec" || word == "tc" || word == "oc" || word == "uc":
		if o.numberName != "" || len(o.runtimes) > 0 || o.hasAllWord {
			return usageErrorf("%s cannot be combined with other arguments", word)
		}
		o.numberName = word
		return nil
	case word == allWord:
		o.hasAllWord = true
	default:
		name, known := runtimes.Canonical(word)
		if !known {
			return usageErrorf("unknown runtime %s: use %s", quote(word), strings.Join(runtimes.Names(), ", "))
		}
		o.runtimes = append(o.runtimes, name)
	}
	if o.numberName != "" {
		return usageErrorf("%s cannot be combined with other arguments", o.numberName)
	}
	o.forwardedArgs = append(o.forwardedArgs, word)
	return nil
}

func (o *options) validate() error {
	switch {
	case o.help || o.version:
		return nil
	case o.isInit && o.shell == "":
		return usageErrorf("init needs a shell: bash, zsh or fish")
	case o.explain && o.format != "plain":
		return usageErrorf("--why cannot be combined with --format")
	case o.isInit && o.explain:
		return usageErrorf("init cannot be combined with --why")
	case o.forCommands && !o.isInit:
		return usageErrorf("--commands is a flag of init")
	case o.forBrowse && (!o.isInit || o.forCommands):
		return usageErrorf("--browse is a flag of init, without --commands")
	case o.browseKey != "" && !o.forBrowse:
		return usageErrorf("--key is a flag of init with --browse")
	case o.forBrowse && (o.selectsReport() || o.selectsPlace() || o.deadline >= 0):
		return usageErrorf("with --browse, init takes only --key, --socket, --data-dir and --dbpath")
	case o.isCommand && len(o.commandNames) != 1:
		return usageErrorf("command needs the name of one command, or - to read it from the input")
	case (o.isCommand || o.forCommands) && o.selectsReport():
		return usageErrorf("a missing command cannot be combined with runtimes, numbers or their flags")
	case o.numberName != "" && (o.explain || o.format != "plain"):
		return usageErrorf("%s cannot be combined with --why or --format", o.numberName)
	}
	return nil
}

// selectsReport reports whether an argument selects what is in a report, or its form.
func (o *options) selectsReport() bool {
	return o.wantsStatus || o.includeUndeclared || o.explain || o.hasAllWord || o.numberName != "" || len(o.runtimes) > 0 || o.format != "plain"
}

// selectsPlace reports whether an argument says where versions of runtimes are looked for.
func (o *options) selectsPlace() bool {
	return o.dir != "" || o.topDir != "" || o.noEnv || o.crossFileSystems || o.searchRemoteFS
}

func usageErrorf(format string, args ...any) error {
	return &exit.Error{Code: exit.Usage, Err: fmt.Errorf(format, args...), Hint: "omg-probe --help lists all arguments"}
}
