package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/omg-arch/omg/omgd/internal/listen"
)

// serveProfiles serves Go's profiles on a socket that only the owner can open, if the configuration sets a path for
// the socket.
func (d *daemon) serveProfiles() error {
	path := d.config.Debug.PprofSocket
	if path == "" {
		return nil
	}
	l, err := listen.OpenUnlocked(path)
	if err != nil {
		return fmt.Errorf("pprof: %w", err)
	}
	d.addCloser(func() { _ = l.Close() })
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	d.backgroundFuncs = append(d.backgroundFuncs, func(ctx context.Context) {
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l)
		}()
		<-ctx.Done()
		_ = server.Close()
		<-served
	})
	return nil
}
