package fakeserver

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
)

func some() []Package {
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
	a.Replace(t, some())
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
	for _, path := range []string{DumpPath, "/rpc/v5/info/water"} {
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

// TestCorpusDump: a dump that is read and written says what it said.
func TestCorpusDump(t *testing.T) {
	path := corpus.AUR(t)
	s := Serve(t, NewAUR(t, path), nil)
	resp, err := http.Get(s.URL + DumpPath) // the transport decompresses
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
		require.Equal(t, want[i], got[i])
	}
}

// TestSwitches: each switch does something, and what it did ends with it.
func TestSwitches(t *testing.T) {
	certs := NewCertificates(t)
	a := &AUR{}
	a.Replace(t, some())
	s := Serve(t, a, certs)
	pem, err := os.ReadFile(certs.File)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	client := &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	whole := func() error {
		resp, err := client.Get(s.URL + "/rpc/v5/search/fire")
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
	require.NoError(t, whole())
	for _, sw := range Switches() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			sw.On(s)
			err := whole()
			if sw.Answers && sw.Late < 300*time.Millisecond {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
			s.Off(t)
			require.Eventually(t, func() bool { return whole() == nil }, 5*time.Second, 10*time.Millisecond)
		})
	}
}
