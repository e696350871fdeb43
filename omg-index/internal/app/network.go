package app

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/version"
)

// networkOptions holds the flags of the commands that send requests.
type networkOptions struct {
	proxy, userAgent string
	timeout          time.Duration
}

func (o *networkOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "proxy", Destination: &o.proxy, Usage: "`ADDRESS` of a proxy, or none", DefaultText: "the proxy in the environment variables"},
		&cli.DurationFlag{Name: "timeout", Destination: &o.timeout, Value: time.Duration(config.Default().Network.Timeout), Usage: "a server must begin its response, and send each 4 KiB of it, in `TIME`", DefaultText: "30s"},
		&cli.StringFlag{Name: "user-agent", Destination: &o.userAgent, Usage: "send `TEXT` as the User-Agent header", DefaultText: "omg and its version"},
	}
}

// newClient returns a client with these flags. The caller must close it.
func (o *networkOptions) newClient() (*fetch.Client, error) {
	c := config.Network{Proxy: o.proxy, Timeout: config.Duration(o.timeout), UserAgent: o.userAgent}
	client, err := fetch.New(c, "omg/"+version.String())
	if err != nil {
		return nil, command.Usagef("--proxy: %v", err)
	}
	return client, nil
}
