// Package dev runs one NATS server inside omg-fleet, for a first try on one machine.
package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
)

// startTime limits the start of the server.
const startTime = time.Minute

// Run runs a server that keeps its data in a directory, until the context ends. The function ready is called with its address.
func Run(ctx context.Context, listen, dir string, ready func(address string)) error {
	host, port, err := loopback(listen)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "omg-fleet-dev", Host: host, Port: port, JetStream: true, StoreDir: dir, SyncAlways: true, NoSigs: true, NoLog: true,
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
	if !s.ReadyForConnections(startTime) {
		return fmt.Errorf("the server cannot listen on %s: does another program use this port?", listen)
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
	for _, config := range []jetstream.StreamConfig{streams.State(1, streams.DefaultMaxAge), streams.Roster(1)} {
		if _, err := js.CreateOrUpdateStream(ctx, config); err != nil {
			return fmt.Errorf("cannot make the stream %s: %w", config.Name, err)
		}
	}
	return nil
}

// loopback returns the parts of an address that only programs on this machine reach: each of them may connect.
func loopback(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, errors.New("--listen must be an address of this machine only, such as 127.0.0.1:4222: this server lets everyone in. omg-fleet init configures one for a network")
	}
	port, err = strconv.Atoi(text)
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, err
}
