// Package dev implements omg-fleet-dev, which runs one NATS server for a first try on one machine.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/devflags"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// startTime limits the start of the server.
const startTime = time.Minute

// Run runs omg-fleet-dev and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := &devflags.Options{}
	return command.Run(ctx, &cli.App{
		Name: "omg-fleet-dev", Usage: devflags.Usage, Description: devflags.Description(), Flags: o.Flags(),
		Action: func(c *cli.Context) error {
			if err := o.Check(c); err != nil {
				return err
			}
			return exit.WithCode(exit.Failed, serve(c.Context, o, func(address string) {
				_, _ = fmt.Fprintf(stdout, "the server listens on %s\nexport OMG_FLEET_SERVER=%s\n", address, address)
			}))
		},
	}, args, stdout, stderr)
}

// serve runs a server that keeps its data in a directory, until the context ends. The function ready is called with its address.
func serve(ctx context.Context, o *devflags.Options, ready func(address string)) error {
	port := o.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	lock, err := atomicfile.LockDir(o.Dir, o.Dir, errors.New("another omg-fleet dev uses it"))
	if err != nil {
		return err
	}
	defer lock.Close()
	free, err := net.Listen("tcp", o.Listen) // otherwise the server would try again and again
	if err != nil {
		return err
	}
	if err := free.Close(); err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "omg-fleet-dev", Host: o.Host, Port: port, JetStream: true, StoreDir: o.Dir, SyncAlways: true, NoSigs: true, NoLog: true,
		MaxPayload: streams.MaxMessage, JetStreamMaxStore: 10 << 30, JetStreamMaxMemory: 64 << 20,
	})
	if err != nil {
		return err
	}
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	for end := time.Now().Add(startTime); !s.ReadyForConnections(time.Second); {
		if ctx.Err() != nil {
			return nil
		}
		if !s.Running() || time.Now().After(end) {
			return fmt.Errorf("the server cannot start on %s with the data in %s", o.Listen, o.Dir)
		}
	}
	if err := makeStreams(ctx, s.ClientURL()); err != nil {
		return err
	}
	ready(s.ClientURL())
	<-ctx.Done()
	return nil
}

func makeStreams(ctx context.Context, address string) error {
	c, err := link.Connect(link.Options{Server: address, Name: "omg-fleet dev"})
	if err != nil {
		return err
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		return err
	}
	return streams.Make(ctx, js, 1, streams.DefaultMaxAge)
}
