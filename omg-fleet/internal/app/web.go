package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/dirwatch"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/omg-fleet/internal/serverwatch"
	"github.com/omg-arch/omg/omg-fleet/internal/web"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// webOptions are the flags of the command web.
type webOptions struct {
	listen, tokenFile, metricsTokenFile, userHeader, certificate, key string
	hostNames                                                         cli.StringSlice
}

func webCommand(a *app) *cli.Command {
	var o webOptions
	return &cli.Command{
		Name:  "web",
		Usage: "serve pages about the hosts",
		Description: `The pages show the hosts, what each has reported, and which hosts have a package in
which version. They change when the files of --from or the states on the server do. A
browser has to log in with a token, which is made at each start or read from
--token-file. Behind a proxy that logs users in, --proxy-user-header names the header
with the name of the user instead: this needs --listen unix:PATH, and each process that
may connect to this socket can claim any name.

Without TLS, the pages can be served on the loopback interface and on a socket only.
The server answers only to the host names of the loopback interface and to those of
--host-name.

With --metrics-token-file, Prometheus gets metrics at /metrics with the token of this
file, which is good for nothing else.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Destination: &o.listen, Usage: "serve on `ADDRESS`: HOST:PORT or unix:PATH"},
			&cli.StringSliceFlag{Name: "host-name", Destination: &o.hostNames, Usage: "answer to the host `NAME` too, or NAME:PORT (repeatable)"},
			&cli.StringFlag{Name: "token-file", Destination: &o.tokenFile, Usage: "read the token from `FILE`"},
			&cli.StringFlag{Name: "metrics-token-file", Destination: &o.metricsTokenFile, Usage: "serve metrics to those with the token in `FILE`"},
			&cli.StringFlag{Name: "proxy-user-header", Destination: &o.userHeader, Usage: "the `HEADER` in which a proxy names the user who has logged in"},
			&cli.StringFlag{Name: "tls-cert", Destination: &o.certificate, Usage: "use TLS with the certificates in `FILE`, as PEM"},
			&cli.StringFlag{Name: "tls-key", Destination: &o.key, Usage: "the key of the certificate is in `FILE`, as PEM"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("web takes no arguments, got %q", c.Args().First())
			}
			return a.serve(c.Context, &o)
		},
	}
}

// check returns an error for flags that do not belong together.
func (o *webOptions) check() error {
	switch {
	case o.listen == "":
		return command.Usagef("--listen is the address of the server: 127.0.0.1:8480 or unix:PATH")
	case (o.certificate == "") != (o.key == ""):
		return command.Usagef("--tls-cert and --tls-key belong together")
	case o.userHeader != "" && !web.IsUnix(o.listen):
		return command.Usagef("--proxy-user-header needs --listen unix:PATH: on a network address, anyone could send this header")
	case o.userHeader != "" && o.tokenFile != "":
		return command.Usagef("--proxy-user-header and --token-file exclude each other")
	case o.certificate != "" && web.IsUnix(o.listen):
		return command.Usagef("--tls-cert needs --listen HOST:PORT: on a socket, the proxy has the certificate")
	}
	return nil
}

// serve serves pages until the context ends.
func (a *app) serve(ctx context.Context, flags *webOptions) (err error) {
	if err := flags.check(); err != nil {
		return err
	}
	if err := a.checkStates(); err != nil {
		return err
	}
	o := web.Options{Stale: a.stale, UserHeader: flags.userHeader, HostNames: flags.hostNames.Value(), Errors: a.stderr}
	if flags.certificate != "" {
		pair, err := tls.LoadX509KeyPair(flags.certificate, flags.key)
		if err != nil {
			return fmt.Errorf("cannot use the certificate: %w", err)
		}
		o.Certificate = &pair
	}
	note := func(text string) { command.PrintNote(a.stderr, "omg-fleet", text) }
	if o.UserHeader == "" {
		path, remove, err := setToken(&o, flags.tokenFile)
		if err != nil {
			return err
		}
		defer remove()
		note("the token to log in with is in " + path)
	}
	if flags.metricsTokenFile != "" {
		token, err := web.ReadToken(flags.metricsTokenFile)
		switch {
		case err != nil:
			return err
		case token == o.Token:
			return command.Usagef("--token-file and --metrics-token-file have the same token: Prometheus needs one of its own")
		}
		o.MetricsToken = token
	}
	l, names, err := web.Listen(flags.listen, o.Certificate != nil)
	if err != nil {
		return err
	}
	if o.HostNames = append(o.HostNames, names...); len(o.HostNames) == 0 {
		return errors.Join(command.Usagef("--host-name is the name under which browsers reach %s", flags.listen), l.Close())
	}
	fleet := resident.New()
	watch, err := a.watch(ctx, fleet, note)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(ctx)
	}()
	note("the pages are on " + pageAddress(flags.listen, o.HostNames, o.Certificate != nil))
	err = web.New(fleet, o).Serve(ctx, l)
	stop()
	<-watched
	return err
}

// watch reads the states of all hosts, without which they would seem to be missing, and returns a function that keeps them current.
// The function note is called when the connection to the servers is lost, and when it is there again.
func (a *app) watch(ctx context.Context, fleet *resident.Fleet, note func(string)) (run func(context.Context), err error) {
	if a.server == "" {
		w := dirwatch.New(fleet, a.dir, a.rosterPath)
		return w.Run, fleet.Read(ctx, w.Read)
	}
	if a.rosterPath != "" {
		return nil, command.Usagef("--roster belongs to --from: the servers know the hosts")
	}
	w, err := serverwatch.Open(fleet, a.link(), note)
	if err != nil {
		return nil, err
	}
	_ = fleet.Read(ctx, w.Read) // the fleet has the error
	return func(ctx context.Context) {
		defer w.Close()
		w.Run(ctx)
	}, nil
}

// setToken reads the token from a file, or makes one if the path is empty. It returns the path of the file, and a function that removes a
// file that was made.
func setToken(o *web.Options, file string) (path string, remove func(), err error) {
	if file != "" {
		o.Token, err = web.ReadToken(file)
		return file, func() {}, err
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return "", nil, command.Usagef("--token-file names the file with the token: without $XDG_RUNTIME_DIR, no other users are kept from reading a new one")
	}
	path = filepath.Join(dir, fmt.Sprintf("omg-fleet-web-%d.token", os.Getpid()))
	o.Token = rand.Text()
	if err := atomicfile.Write(path, []byte(o.Token+"\n"), atomicfile.Options{Mode: 0o600}); err != nil {
		return "", nil, fmt.Errorf("cannot write the token: %w", err)
	}
	return path, func() { _ = os.Remove(path) }, nil
}

// pageAddress returns the address for the browser.
func pageAddress(listen string, names []string, hasTLS bool) string {
	switch {
	case web.IsUnix(listen):
		return listen + ", for a proxy that serves https://" + names[0] + "/"
	case hasTLS:
		return "https://" + names[len(names)-1] + "/"
	}
	return "http://" + names[len(names)-1] + "/"
}
