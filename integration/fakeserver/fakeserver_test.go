package fakeserver

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/corpus"
)

func somePackages() []Package {
	desc, jan := "A web browser", "jan"
	return []Package{
		{Record{Name: "fire-git", Version: "r1-1", Description: &desc, Maintainer: &jan}, Details{
			Depends: []string{"glibc>=2"}, Provides: []string{"fire=1"}, Keywords: []string{"web"},
		}},
		{Record{Name: "water", Version: "2-1"}, Details{MakeDepends: []string{"fire"}}},
	}
}

func serveSome(t *testing.T) (*AUR, *Server) {
	a := &AUR{}
	a.Replace(t, somePackages())
	return a, Serve(t, a, nil)
}

type answer struct {
	Version     int
	Type, Error string
	ResultCount int
	Results     []Package
}

func get(t *testing.T, address string) answer {
	t.Helper()
	resp, err := http.Get(address)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var a answer
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&a))
	require.Equal(t, 5, a.Version)
	require.Equal(t, a.ResultCount, len(a.Results))
	return a
}

func TestRPC(t *testing.T) {
	_, s := serveSome(t)
	for path, want := range map[string]struct {
		names []string
		err   string
	}{
		"/rpc/v5/search/FIRE":                                  {[]string{"fire-git"}, ""},
		"/rpc/v5/search/browser":                               {[]string{"fire-git"}, ""},
		"/rpc/v5/search/browser?by=name":                       {nil, ""},
		"/rpc/v5/search/jan?by=maintainer":                     {[]string{"fire-git"}, ""},
		"/rpc/v5/search/?by=maintainer":                        {[]string{"water"}, ""},
		"/rpc/v5/search/glibc?by=depends":                      {[]string{"fire-git"}, ""},
		"/rpc/v5/search/fire?by=makedepends":                   {[]string{"water"}, ""},
		"/rpc/v5/search/fire?by=provides":                      {[]string{"fire-git"}, ""},
		"/rpc/v5/search/web?by=keywords":                       {[]string{"fire-git"}, ""},
		"/rpc/v5/search/f":                                     {nil, "Query arg too small."},
		"/rpc/v5/search/fire?by=colour":                        {nil, "Incorrect by field specified."},
		"/rpc?v=5&type=search&arg=water":                       {[]string{"water"}, ""},
		"/rpc?v=4&type=search&arg=water":                       {nil, "Invalid version specified."},
		"/rpc?v=5&type=multiinfo&arg[]=water&arg[]=fire-git":   {[]string{"fire-git", "water"}, ""},
		"/rpc/v5/info?arg[]=water&arg[]=nothing&arg[]=nothing": {[]string{"water"}, ""},
		"/rpc/v5/info/water":                                   {[]string{"water"}, ""},
		"/rpc/v5/info":                                         {nil, "No request type/data specified."},
	} {
		a := get(t, s.URL+path)
		var names []string
		for _, p := range a.Results {
			names = append(names, p.Name)
		}
		require.Equal(t, want.names, names, path)
		require.Equal(t, want.err, a.Error, path)
		require.Equal(t, want.err != "", a.Type == "error", path)
	}
	require.Equal(t, 13, s.Count("search"))
	require.Equal(t, 4, s.Count("info"))
}

func TestTooManyResults(t *testing.T) {
	a, s := serveSome(t)
	var many []Package
	for i := range maxResults + 1 {
		many = append(many, Package{Record: Record{Name: fmt.Sprintf("lib%d", i)}})
	}
	a.Replace(t, many)
	require.Equal(t, "Too many package results.", get(t, s.URL+"/rpc/v5/search/lib").Error)
	a.Replace(t, many[1:])
	require.Equal(t, maxResults, get(t, s.URL+"/rpc/v5/search/lib").ResultCount)
}

func TestConditional(t *testing.T) {
	_, s := serveSome(t)
	for _, path := range []string{DumpURLPath, "/rpc/v5/info/water"} {
		resp, err := http.Get(s.URL + path)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		req, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		require.NoError(t, err)
		req.Header.Set("If-None-Match", resp.Header.Get("ETag"))
		resp, err = http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusNotModified, resp.StatusCode, path)
	}
	require.Equal(t, 2, s.Count("dump"))
}

// TestCorpusDump checks that the server reads a real dump and sends a dump with the same content.
func TestCorpusDump(t *testing.T) {
	path := corpus.AURDump(t)
	s := Serve(t, NewAUR(t, path), nil)
	resp, err := http.Get(s.URL + DumpURLPath) // the transport decompresses
	require.NoError(t, err)
	defer resp.Body.Close()
	var got, want []map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(&want))
	require.Len(t, got, len(want))
	for i := range want {
		if want[i]["License"] == nil {
			delete(got[i], "License")
		}
		if !reflect.DeepEqual(want[i], got[i]) { // DeepEqual is fast; require.Equal is slow for many packages
			require.Equal(t, want[i], got[i])
		}
	}
}

// serveTLS serves some AUR packages over TLS. It returns the server, and a client that trusts the server's certificate.
func serveTLS(t *testing.T) (*Server, *http.Client) {
	certs := NewCertificates(t)
	a := &AUR{}
	a.Replace(t, somePackages())
	pem, err := os.ReadFile(certs.CAFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return Serve(t, a, certs), &http.Client{Transport: transport}
}

// ask sends a search, and returns an error unless it receives the complete, correct answer.
func ask(ctx context.Context, client *http.Client, s *Server) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/rpc/v5/search/fire", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var got answer
	return json.Unmarshal(b, &got)
}

// TestMisbehaviours checks that each switch makes requests fail, and that requests succeed again when the fault ends.
func TestMisbehaviours(t *testing.T) {
	s, client := serveTLS(t)
	require.NoError(t, ask(t.Context(), client, s))
	for _, sw := range Misbehaviours() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			sw.SwitchOn(s)
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if sw.Hangs {
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			}
			defer cancel()
			err := ask(ctx, client, s)
			require.Error(t, err)
			require.Equal(t, sw.Hangs, errors.Is(err, context.DeadlineExceeded), "%v", err)
			s.StopFaults(t)
			require.NoError(t, ask(t.Context(), client, s))
		})
	}
}

// TestServer_Late checks that a delayed answer is sent when the fault ends.
func TestServer_Late(t *testing.T) {
	s, client := serveTLS(t)
	s.SetFault(LateAnswer())
	came := make(chan error, 1)
	go func() { came <- ask(t.Context(), client, s) }()
	s.AwaitRequests(t, "search", 1)
	require.Empty(t, came)
	s.StopFaults(t)
	require.NoError(t, harness.Receive(t, came, "the late answer"))
}

// TestServer_Hold checks that a held request waits until the test lets the server answer it, and that requests of other
// kinds are answered meanwhile.
func TestServer_Hold(t *testing.T) {
	s, client := serveTLS(t)
	gate := s.Hold("search")
	came := make([]chan error, 4)
	var held []*HeldRequest
	for i := range came {
		came[i] = make(chan error, 1)
		go func() { came[i] <- ask(t.Context(), client, s) }()
		held = append(held, gate.Next(t))
		require.Equal(t, "/rpc/v5/search/fire", held[i].URI)
	}
	require.Equal(t, 4, s.Count("search"))
	resp, err := client.Get(s.URL + "/rpc/v5/info/water")
	require.NoError(t, err)
	resp.Body.Close()
	held[2].Answer()
	require.NoError(t, harness.Receive(t, came[2], "the third answer"))
	held[1].AnswerWith(ErrorStatus(http.StatusBadGateway))
	require.EqualError(t, harness.Receive(t, came[1], "the second answer"), "status 502")
	require.Empty(t, came[0])
	require.Empty(t, came[3])
	gate.Release()
	require.NoError(t, harness.Receive(t, came[0], "the first answer"))
	require.NoError(t, harness.Receive(t, came[3], "the last answer"))
	require.NoError(t, ask(t.Context(), client, s), "what comes later is answered")
}

// TestServer_KeepsItsPort checks that a server refuses connections, also if a child process still has its socket, and that no other program
// gets its port meanwhile.
func TestServer_KeepsItsPort(t *testing.T) {
	_, s := serveSome(t)
	for range 3 {
		copied, err := s.listener.File()
		require.NoError(t, err)
		s.RefuseConnections()
		_, err = net.Dial("tcp", s.address)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, copied.Close())
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(s.address)
		require.NoError(t, err)
		number, err := strconv.Atoi(port)
		require.NoError(t, err)
		require.ErrorIs(t, unix.Bind(fd, &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}), unix.EADDRINUSE)
		require.NoError(t, unix.Close(fd))
		s.AcceptConnections(t)
		require.NotEmpty(t, get(t, s.URL+"/rpc/v5/info/water").Results)
	}
}

// TestServeWithBrokenIPv6 checks that a connection over IPv6Failure is refused or hangs, as the test requests.
func TestServeWithBrokenIPv6(t *testing.T) {
	a := &AUR{}
	a.Replace(t, somePackages())
	for six, limit := range map[IPv6Failure]time.Duration{RefuseIPv6: harness.HangTimeout, HangIPv6: 50 * time.Millisecond} {
		s := ServeWithBrokenIPv6(t, six, a, nil)
		require.NotEmpty(t, get(t, s.URL+"/rpc/v5/info/water").Results)
		_, port, err := net.SplitHostPort(s.address)
		require.NoError(t, err)
		_, err = (&net.Dialer{Timeout: limit}).Dial("tcp", net.JoinHostPort("::1", port))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, six == HangIPv6, timeout.Timeout())
		require.Equal(t, six == RefuseIPv6, errors.Is(err, syscall.ECONNREFUSED))
	}
}
