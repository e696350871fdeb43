// Package devflags defines the flags that omg-fleet dev and omg-fleet-dev share.
package devflags

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// Usage is the line about the command in the help.
const Usage = "run a NATS server on this machine, for a first try"

// Description returns the text of the help.
func Description() string {
	return `The server lets each program on this machine in, and no other machine. omg-fleet init
configures servers for a network.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed)
}

// Options are the values of the flags.
type Options struct {
	Listen, Dir string
	// Host and Port are the parts of Listen, which Check sets. Port 0 is any free port.
	Host string
	Port int
}

// Flags returns the flags, which set the options.
func (o *Options) Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "listen", Destination: &o.Listen, Value: "127.0.0.1:4222", Usage: "listen on `ADDRESS` of this machine"},
		&cli.StringFlag{Name: "dir", Destination: &o.Dir, Usage: "keep the data in `DIR`"},
	}
}

// Arguments returns the command line that sets the options.
func (o *Options) Arguments() []string { return []string{"--listen", o.Listen, "--dir", o.Dir} }

// Check returns an error if the command line cannot be used.
func (o *Options) Check(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("%s takes no arguments, got %q", c.Command.Name, strings.Join(c.Args().Slice(), " "))
	}
	if o.Dir == "" {
		return command.Usagef("--dir DIR is missing: it is where the server keeps its data")
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return command.Usagef("--listen: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return command.Usagef("--listen: %q is not a port", port)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return exit.WithCode(exit.Usage, errors.New("--listen must be an address of this machine only, such as 127.0.0.1:4222, because this server lets everyone in: omg-fleet init configures one for a network"))
	}
	o.Host, o.Port = host, int(number)
	return nil
}
