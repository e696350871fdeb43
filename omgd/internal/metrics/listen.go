package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/shared/metrics"
)

// Server serves the metrics over HTTP.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// Listen listens on a TCP address of this machine. If address is an absolute path, it listens on a socket
// with mode 0600 at that path.
func (m *Metrics) Listen(address string) (*Server, error) {
	l, local, err := openListener(address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	handler := metrics.Handler(m.registry)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		// A web page can reach any local port under a host name of its choice (DNS
		// rebinding).
		if !local && !isLoopbackHost(r.Host) {
			http.Error(w, "host not allowed", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
	return &Server{listener: l, http: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}, nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves requests until ctx ends.
func (s *Server) Run(ctx context.Context) {
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.http.Serve(s.listener)
	}()
	<-ctx.Done()
	_ = s.http.Close()
	<-served
}

// Close stops listening, even if Run was never called.
func (s *Server) Close() { _ = s.listener.Close() }

func openListener(address string) (l net.Listener, local bool, err error) {
	if !filepath.IsAbs(address) {
		l, err = net.Listen("tcp", address)
		return l, false, err
	}
	l, err = listen.OpenUnlocked(address)
	return l, true, err
}

func isLoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
