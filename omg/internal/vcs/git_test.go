package vcs

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

func TestSource_Refusal(t *testing.T) {
	for _, s := range []Source{
		{"https://github.com/a/b.git", "HEAD"}, {"https://[::1]:8443/a%20b", "feature/x-1"}, {"https://example.org", "release_2.0"},
	} {
		require.Empty(t, s.Refusal(), s)
	}
	for s, want := range map[Source]string{
		{"http://example.org/a", "HEAD"}:                                "only https",
		{"git@github.com:a/b", "HEAD"}:                                  "only https",
		{"--upload-pack=x", "HEAD"}:                                     "only https",
		{"ext::sh -c x", "HEAD"}:                                        "only https",
		{"file:///etc", "HEAD"}:                                         "only https",
		{"HTTPS://example.org", "HEAD"}:                                 "only https",
		{"https://", "HEAD"}:                                            "address is malformed",
		{"https://-x/a", "HEAD"}:                                        "address is malformed",
		{"https://example.org/a b", "HEAD"}:                             "address is malformed",
		{"https://example.org/\x1b[2J", "HEAD"}:                         "address is malformed",
		{"https://example.org/é", "HEAD"}:                               "address is malformed",
		{"https://example.org/" + strings.Repeat("a", 2000), "HEAD"}:    "address is malformed",
		{"https://me:secret@example.org/", "HEAD"}:                      "user name or a password",
		{"https://me@example.org/", "HEAD"}:                             "user name or a password",
		{"https://example.org/", "-x"}:                                  "branch is malformed",
		{"https://example.org/", ""}:                                    "branch is malformed",
		{"https://example.org/", "a*"}:                                  "branch is malformed",
		{"https://example.org/", "a b"}:                                 "branch is malformed",
		{"https://example.org/", "a\n"}:                                 "branch is malformed",
		{"https://example.org/", strings.Repeat("a", maxBranchBytes+1)}: "branch is malformed",
	} {
		require.Contains(t, s.Refusal(), want, s)
	}
}

// repository is a git repository that the real git serves over https.
type repository struct {
	*testing.T
	dir     string
	server  *httptest.Server
	handler atomic.Pointer[http.HandlerFunc] // is called instead of git if it is set
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{T: t, dir: filepath.Join(t.TempDir(), "source.git")}
	where, err := exec.Command(need.Program(t, "git"), "--exec-path").Output()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(r.dir, 0o755))
	r.git("init", "-q", "-b", "main")
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(where)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(r.dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + r.dir,
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH"}, Stderr: io.Discard,
	}
	r.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if handle := r.handler.Load(); handle != nil {
			(*handle)(w, req)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	t.Cleanup(r.server.Close)
	return r
}

// handle makes the server call a function instead of git.
func (r *repository) handle(f http.HandlerFunc) { r.handler.Store(&f) }

// git runs git in the repository and returns its output.
func (r *repository) git(args ...string) string {
	r.Helper()
	c := exec.Command(need.Program(r, "git"), args...)
	c.Dir = r.dir
	c.Env = []string{
		"HOME=" + r.dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
	}
	out, err := c.CombinedOutput()
	require.NoError(r, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// commit adds a commit to the current branch and returns its name.
func (r *repository) commit() string {
	r.Helper()
	r.git("commit", "-q", "--allow-empty", "-m", "x")
	return r.git("rev-parse", "HEAD")
}

func (r *repository) url() string { return r.server.URL + "/source.git" }

// client returns a git that trusts the server.
func (r *repository) client(variables ...string) *git {
	r.Helper()
	ca := filepath.Join(r.TempDir(), "ca.pem")
	require.NoError(r, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw}), 0o600))
	env, _ := newUser(r.T, append([]string{"SSL_CERT_FILE", ca}, variables...)...)
	g, err := newGit(env, "none")
	require.NoError(r, err)
	return g
}

func TestGit_Latest(t *testing.T) {
	r := newRepository(t)
	ctx := t.Context()
	first := r.commit()
	r.git("checkout", "-q", "-b", "side/main")
	side := r.commit()
	r.git("tag", "old")
	g := r.client()
	for branch, want := range map[string]string{"HEAD": side, "main": first, "side/main": side} {
		commit, err := g.latest(ctx, Source{r.url(), branch})
		require.NoError(t, err, branch)
		require.Equal(t, want, commit, branch)
	}
	for branch, want := range map[string]string{"old": "no branch old", "gone": "no branch gone", "--upload-pack=x": "malformed"} {
		_, err := g.latest(ctx, Source{r.url(), branch})
		require.ErrorContains(t, err, want)
	}
	_, err := g.latest(ctx, Source{r.server.URL + "/other.git", "HEAD"})
	require.ErrorContains(t, err, "not found")
	env, _ := newUser(t)
	untrusting, err := newGit(env, "none")
	require.NoError(t, err)
	_, err = untrusting.latest(ctx, Source{r.url(), "HEAD"})
	require.ErrorContains(t, err, "certificate")
}

// TestGit_Alone checks that git neither asks for a password nor sends one, uses nothing of the user's configuration, and follows no
// redirect to another protocol.
func TestGit_Alone(t *testing.T) {
	r := newRepository(t)
	g := r.client()
	home := t.TempDir()
	asked := filepath.Join(home, "asked")
	t.Setenv("HOME", home)
	t.Setenv("GIT_ASKPASS", "touch "+asked)
	write(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1 login me password secret\n")
	write(t, filepath.Join(home, ".gitconfig"), "[credential]\n\thelper = \"!touch "+asked+"; echo\"\n[url \"file:///etc/\"]\n\tinsteadOf = https://\n[http]\n\textraHeader = X-Token: secret\n")
	headers := make(chan http.Header, 100)
	r.handle(func(w http.ResponseWriter, req *http.Request) {
		headers <- req.Header
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := g.latest(t.Context(), Source{r.url(), "HEAD"})
	require.ErrorContains(t, err, "git: could not read Username")
	require.NotEmpty(t, headers)
	for len(headers) > 0 {
		h := <-headers
		require.Empty(t, h.Values("Authorization"))
		require.Empty(t, h.Values("X-Token"))
	}
	require.NoFileExists(t, asked)

	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request without TLS") }))
	t.Cleanup(plain.Close)
	r.handle(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, plain.URL+req.URL.RequestURI(), http.StatusFound)
	})
	_, err = g.latest(t.Context(), Source{r.url(), "HEAD"})
	require.ErrorContains(t, err, "git: ")
}

// TestGit_Hangs checks that git and the program that it starts end with the context.
func TestGit_Hangs(t *testing.T) {
	r := newRepository(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	r.handle(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done() // the connection is closed
		close(ended)
	})
	_, err := r.client().latest(ctx, Source{r.url(), "HEAD"})
	require.ErrorContains(t, err, "did not answer in time")
	<-ended
}

// TestGit_LongReply checks that a reply that is too long is not kept.
func TestGit_LongReply(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "git")
	require.NoError(t, fixture.WriteExecutable(program, []byte("#!/bin/sh\nyes 'x	refs/heads/x' | head -c 3000000\necho '"+oneCommit+"	HEAD'\n")))
	env, _ := newUser(t)
	_, err := (&git{program, gitEnv(env, "")}).latest(t.Context(), Source{"https://example.org/", "HEAD"})
	require.ErrorContains(t, err, "more than 1048576 bytes")
}

func TestGitEnv_Proxy(t *testing.T) {
	env, _ := newUser(t, "https_proxy", "http://localhost:1", "GIT_SSH", "x", "LD_PRELOAD", "x")
	require.Contains(t, gitEnv(env, ""), "https_proxy=http://localhost:1")
	for _, proxy := range []string{"none", "http://localhost:2"} {
		list := strings.Join(gitEnv(env, proxy), "\n")
		require.NotContains(t, list, "https_proxy")
		require.Contains(t, list, "=http.proxy\n")
		require.Equal(t, proxy != "none", strings.Contains(list, "=http://localhost:2"))
		require.NotContains(t, list, "SSH=")
		require.NotContains(t, list, "LD_PRELOAD")
	}
}
