package letters

import "strings"

// option is one of pacman's options, or one of omg's own that may be mixed with them.
type option struct {
	name     string // the long form, without dashes
	hasValue bool
	// optionalValue means that a value is only read after an equals sign.
	optionalValue bool
}

// operations maps the letter of each operation to its long form.
var operations = map[byte]string{
	'D': "database", 'F': "files", 'Q': "query", 'R': "remove", 'S': "sync", 'T': "deptest", 'U': "upgrade",
}

// longOptions lists the long options of pacman, without the operations.
var longOptions = []option{
	{name: "version"},
	{name: "help"},
	{name: "dbpath", hasValue: true},
	{name: "cascade"},
	{name: "changelog"},
	{name: "clean"},
	{name: "nodeps"},
	{name: "deps"},
	{name: "explicit"},
	{name: "groups"},
	{name: "info"},
	{name: "check"},
	{name: "list"},
	{name: "foreign"},
	{name: "native"},
	{name: "nosave"},
	{name: "owns"},
	{name: "file"},
	{name: "print"},
	{name: "quiet"},
	{name: "root", hasValue: true},
	{name: "sysroot", hasValue: true},
	{name: "recursive"},
	{name: "search"},
	{name: "regex"},
	{name: "machinereadable"},
	{name: "unrequired"},
	{name: "upgrades"},
	{name: "sysupgrade"},
	{name: "unneeded"},
	{name: "verbose"},
	{name: "downloadonly"},
	{name: "refresh"},
	{name: "noconfirm"},
	{name: "confirm"},
	{name: "config", hasValue: true},
	{name: "ignore", hasValue: true},
	{name: "assume-installed", hasValue: true},
	{name: "debug", optionalValue: true},
	{name: "force"},
	{name: "overwrite", hasValue: true},
	{name: "noprogressbar"},
	{name: "noscriptlet"},
	{name: "ask", hasValue: true},
	{name: "cachedir", hasValue: true},
	{name: "hookdir", hasValue: true},
	{name: "asdeps"},
	{name: "logfile", hasValue: true},
	{name: "ignoregroup", hasValue: true},
	{name: "needed"},
	{name: "asexplicit"},
	{name: "arch", hasValue: true},
	{name: "print-format", hasValue: true},
	{name: "gpgdir", hasValue: true},
	{name: "dbonly"},
	{name: "color", hasValue: true},
	{name: "disable-download-timeout"},
	{name: "disable-sandbox"},
}

// ownOptions lists omg's own options, which may stand beside pacman's. They cannot be abbreviated.
var ownOptions = []option{
	{name: "no-daemon"},
	{name: "socket", hasValue: true},
	{name: "live-socket", hasValue: true},
	{name: "unanswered-socket", hasValue: true},
	{name: "index", hasValue: true},
	{name: "data-dir", hasValue: true},
	{name: "pacman-config", hasValue: true},
}

// shortOptions are the lower-case letters that pacman knows. A letter with a colon after it has a value.
const shortOptions = "b:cdefghiklmnopqr:stuvwxy"

// globalLetters maps the letters that all operations accept to their options.
var globalLetters = map[byte]string{'b': "dbpath", 'r': "root", 'v': "verbose"}

// globalOptions lists the long options that all operations accept.
const globalOptions = " arch ask cachedir color config debug gpgdir hookdir logfile noconfirm confirm dbpath root sysroot " +
	"disable-download-timeout disable-sandbox verbose "

// Options of several operations: letters with their long options, separated by spaces. A long option without a letter begins
// with a hyphen.
const (
	transactionOptions = "d:nodeps p:print -dbonly -noprogressbar -noscriptlet -print-format -assume-installed"
	installOptions     = transactionOptions + " w:downloadonly -overwrite -asdeps -asexplicit -needed -ignore -ignoregroup"
)

// operationOptions lists the options of each operation, in the same form.
var operationOptions = map[byte]string{
	'D': "k:check q:quiet -asdeps -asexplicit",
	'F': transactionOptions + " l:list y:refresh x:regex -machinereadable q:quiet",
	'Q': "c:changelog d:deps e:explicit g:groups i:info k:check l:list m:foreign n:native o:owns p:file q:quiet s:search t:unrequired u:upgrades",
	'R': transactionOptions + " c:cascade n:nosave s:recursive u:unneeded",
	'S': installOptions + " c:clean g:groups i:info l:list q:quiet s:search u:sysupgrade y:refresh",
	'U': installOptions,
}

// nameOfLetter returns the long option that a letter means in an operation.
func nameOfLetter(operation, letter byte) (name string, ok bool) {
	for field := range strings.FieldsSeq(operationOptions[operation]) {
		if field[0] == letter && field[1] == ':' {
			return field[2:], true
		}
	}
	name, ok = globalLetters[letter]
	return name, ok
}

// isAllowed reports whether an operation accepts a long option.
func isAllowed(operation byte, name string) bool {
	for field := range strings.FieldsSeq(operationOptions[operation]) {
		if field[0] == '-' && field[1:] == name || field[1] == ':' && field[2:] == name {
			return true
		}
	}
	return strings.Contains(globalOptions, " "+name+" ")
}

// findLong returns the long option with a name, which may be abbreviated as long as the abbreviation is unique. The letter of an
// operation is returned as operation. The list similar has the candidates of an ambiguous abbreviation.
func findLong(name string) (o *option, operation byte, similar []string) {
	for i := range ownOptions {
		if ownOptions[i].name == name {
			return &ownOptions[i], 0, nil
		}
	}
	for letter, long := range operations {
		if long == name {
			return &option{name: long}, letter, nil
		}
		if strings.HasPrefix(long, name) {
			o, operation = &option{name: long}, letter
			similar = append(similar, long)
		}
	}
	for i := range longOptions {
		switch {
		case longOptions[i].name == name:
			return &longOptions[i], 0, nil
		case strings.HasPrefix(longOptions[i].name, name):
			o, operation = &longOptions[i], 0
			similar = append(similar, longOptions[i].name)
		}
	}
	if len(similar) > 1 {
		return nil, 0, similar
	}
	return o, operation, nil
}
