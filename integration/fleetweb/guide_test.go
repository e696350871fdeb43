package fleetweb

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/freeport"
	"github.com/omg-arch/omg/shared/need"
)

const guideHost = "fleet.example.org"

var block = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// guide is a directory in which the commands of docs/fleet-web.md can run.
type guide struct {
	t      *testing.T
	system *harness.System
	dir    string
	blocks map[string][]string
	roots  *x509.CertPool
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	need.Loopback(t)
	g := &guide{t: t, system: harness.New(t, harness.WithoutDatabases()), dir: t.TempDir(), blocks: map[string][]string{}}
	text := harness.ReadFile(t, filepath.Join(need.ProjectRoot(t), "docs/fleet-web.md"))
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		g.blocks[m[1]] = append(g.blocks[m[1]], m[2])
	}
	require.Len(t, g.blocks["sh"], 6)
	require.Len(t, g.blocks["nginx"], 1)
	s := &site{t: t, dir: filepath.Join(g.dir, "inventories")}
	require.NoError(t, os.Mkdir(s.dir, 0o755))
	for name, v := range office() {
		s.put(name, v)
	}
	harness.WriteFile(t, filepath.Join(g.dir, "hosts"), "web1\nweb2\n")
	g.makeCertificate()
	return g
}

// makeCertificate writes cert.pem and key.pem.
func (g *guide) makeCertificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(g.t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: guideHost}, DNSNames: []string{guideHost}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(g.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(g.t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	harness.WriteFile(g.t, filepath.Join(g.dir, "cert.pem"), string(certificate))
	harness.WriteFile(g.t, filepath.Join(g.dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	g.roots = x509.NewCertPool()
	require.True(g.t, g.roots.AppendCertsFromPEM(certificate))
}

// run starts the commands of a block, the last of which is the server, and returns the server when it listens.
func (g *guide) run(number int, replace ...string) *harness.Process {
	g.t.Helper()
	script := strings.NewReplacer(append(replace, "omg-fleet --from", "exec '"+g.system.Program("omg-fleet")+"' --from")...).Replace(g.blocks["sh"][number])
	cmd := exec.Command(need.Program(g.t, "bash"), "-euc", script)
	cmd.Dir, cmd.Env = g.dir, append(g.system.Env, "PATH="+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+g.dir)
	p := harness.Start(g.t, cmd)
	p.AwaitStderr("the pages are on ")
	g.t.Cleanup(p.Kill)
	return p
}

// client returns a client that connects to an address, whatever the name is.
func (g *guide) client(network, address string) *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(g.t, err)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return &http.Client{Jar: jar, Timeout: harness.HangTimeout, Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: g.roots}}}
}

// get returns the status and the body of a page.
func (g *guide) get(c *http.Client, address string, headers ...string) (int, string) {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(g.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := c.Do(r)
	require.NoError(g.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(g.t, err)
	return answer.StatusCode, string(body)
}

var printed = regexp.MustCompile(`the token to log in with is in (\S+)`)

// TestGuide_FleetWeb runs the commands of the guide, with other ports and paths.
func TestGuide_FleetWeb(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	login := func(c *http.Client, address, token string) {
		t.Helper()
		answer, err := c.PostForm(address+"/login", url.Values{"token": {token}})
		require.NoError(t, err)
		_ = answer.Body.Close()
	}
	address := regexp.MustCompile(`the pages are on (\S+)/`)

	p := g.run(0, "127.0.0.1:8480", "127.0.0.1:0")
	made := string(harness.ReadFile(t, printed.FindStringSubmatch(p.Stderr())[1]))
	page := address.FindStringSubmatch(p.Stderr())[1]
	code, body := g.get(g.client("tcp", strings.TrimPrefix(page, "http://")), page+"/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "<h1>Log in</h1>")
	require.NotContains(t, p.Stderr(), strings.TrimSpace(made))

	p = g.run(1, "127.0.0.1:8480", "127.0.0.1:0")
	own := string(harness.ReadFile(t, filepath.Join(g.dir, "token")))
	require.Contains(t, p.Stderr(), "the token to log in with is in token\n")

	listen := freeport.TakeAddress(t)
	g.run(2, "0.0.0.0:8443", listen)
	https := g.client("tcp", listen)
	login(https, "https://"+guideHost, own)
	code, body = g.get(https, "https://"+guideHost+"/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "asked 6, answered 5")
}

// TestGuide_Proxy runs nginx with the configuration of the guide in front of the socket.
func TestGuide_Proxy(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	nginx := need.Program(t, "nginx")
	socket := filepath.Join(g.dir, "web.sock")
	g.run(3, "/run/omg-fleet/web.sock", socket)

	address := freeport.TakeAddress(t)
	harness.WriteFile(t, filepath.Join(g.dir, "users"), "alice:{PLAIN}secret\n")
	server := strings.NewReplacer("listen 443 ssl", "listen "+address+" ssl", "/run/omg-fleet/web.sock", socket, "cert.pem", filepath.Join(g.dir, "cert.pem"),
		"key.pem", filepath.Join(g.dir, "key.pem"), "auth_basic_user_file users", "auth_basic_user_file "+filepath.Join(g.dir, "users")).Replace(g.blocks["nginx"][0])
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	config := fmt.Sprintf("%smaster_process off;\ndaemon off;\npid %[2]s/nginx.pid;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[2]s/b;\nproxy_temp_path %[2]s/p;\n"+
		"fastcgi_temp_path %[2]s/f;\nuwsgi_temp_path %[2]s/u;\nscgi_temp_path %[2]s/s;\n%s}\n", user, g.dir, server)
	harness.WriteFile(t, filepath.Join(g.dir, "nginx.conf"), config)
	p := harness.Start(t, exec.Command(nginx, "-p", g.dir, "-e", filepath.Join(g.dir, "error.log"), "-c", filepath.Join(g.dir, "nginx.conf")))
	t.Cleanup(p.Kill)
	harness.Await(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "nginx does not listen: %s", p.Stderr())

	c := g.client("tcp", address)
	code, _ := g.get(c, "https://"+guideHost+"/")
	require.Equal(t, http.StatusUnauthorized, code)
	code, _ = g.get(c, "https://"+guideHost+"/", "X-User", "mallory")
	require.Equal(t, http.StatusUnauthorized, code)
	const alice = "https://alice:secret@" + guideHost
	code, body := g.get(c, alice+"/", "X-User", "mallory")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "<p>alice</p>")
	require.NotContains(t, body, "mallory")
	require.Contains(t, body, "asked 6, answered 5")
	// Another name reaches nginx and is refused after it.
	code, _ = g.get(g.client("unix", socket), "http://evil.example/", "X-User", "alice")
	require.Equal(t, http.StatusMisdirectedRequest, code)

	// Events come through the proxy at once.
	answer, err := c.Get(alice + "/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func() string {
		for lines.Scan() {
			if value, found := strings.CutPrefix(lines.Text(), "data: "); found {
				return value
			}
		}
		return ""
	}
	first := next()
	require.NotEmpty(t, first)
	(&site{t: t, dir: filepath.Join(g.dir, "inventories")}).put("new1", host(1, 0, "5.8.1-1"))
	second := next()
	require.NotEmpty(t, second)
	require.NotEqual(t, first, second)
}
