package fleetguide

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// natsVersion is the version of the server in the guide, which has to be the one that omg-fleet is tested with.
const natsVersion = "v2.15.3"

// everybody is the answer of all hosts.
const everybody = "db1 xz 5.8.1-1\nweb1 xz 5.6.1-1\nweb2 xz 5.6.1-1\nasked 3, answered 3\n"

// Names of the machines in the guide.
const (
	mine   = "your machine"
	server = "nats.example.org"
)

// guide runs the blocks of docs/fleet-guide.md in their order.
type guide struct {
	t *testing.T
	*office
	blocks []block
	loop   string          // the block that adds all hosts
	seen   strings.Builder // what commands have printed about things that go wrong
}

// block is a block of commands, and the machine on which it is run.
type block struct{ machine, script string }

var blockPattern = regexp.MustCompile("(?s)```sh\n# ([^\n]+)\n(.*?)```")

func readGuide(t *testing.T) (text string, blocks []block) {
	t.Helper()
	text = string(harness.ReadFile(t, filepath.Join(need.ProjectRoot(t), "docs/fleet-guide.md")))
	for _, m := range blockPattern.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	require.Len(t, blocks, strings.Count(text, "\n```sh\n"), "each block begins with the name of a machine")
	return text, blocks
}

// next returns the next block, which must contain a text, and its machine.
func (g *guide) next(contains string) (*machine, string) {
	g.t.Helper()
	require.NotEmpty(g.t, g.blocks, "the guide has no block with %q", contains)
	b := g.blocks[0]
	g.blocks = g.blocks[1:]
	require.Contains(g.t, b.script, contains, "the blocks of the guide are in another order")
	m := g.machines[b.machine]
	require.NotNil(g.t, m, "the guide names the machine %q", b.machine)
	return m, b.script
}

// run runs the next block, which must succeed, and returns what it prints.
func (g *guide) run(contains string, replace ...string) string {
	g.t.Helper()
	m, script := g.next(contains)
	return m.sh(strings.NewReplacer(replace...).Replace(script))
}

var lasting = regexp.MustCompile(`(?m)^omg-fleet (watch$|web )`)

// begin starts the next block, whose last command runs until it is interrupted. It replaces the shell, so that it can be killed.
func (g *guide) begin(contains string) *harness.Process {
	g.t.Helper()
	m, script := g.next(contains)
	require.Regexp(g.t, lasting, script)
	return harness.Start(g.t, m.command(lasting.ReplaceAllString(script, "exec $0")))
}

// ask asks a question on my machine until the answer is as wanted.
func (g *guide) ask(want func(harness.Result) bool, command string) (r harness.Result) {
	g.t.Helper()
	harness.Await(g.t, func() bool {
		r = g.machines[mine].run(command)
		g.seen.WriteString(r.Stderr)
		return want(r)
	}, "the answer to %s, last %+v", command, &r)
	return r
}

// answers asks a question until standard output is as wanted.
func (g *guide) answers(want, command string) harness.Result {
	g.t.Helper()
	return g.ask(func(r harness.Result) bool { return r.Stdout == want }, command)
}

// fails runs a command that must fail, and keeps what it prints.
func (g *guide) fails(m *machine, command string) {
	g.t.Helper()
	r := m.run(command)
	require.NotZero(g.t, r.Code, "%s\n%s", command, r.Stdout)
	g.seen.WriteString(r.Stderr)
}

// TestGuide_FiftyMachines follows the guide on machines in namespaces, each with its own network interface, host name, /etc and /var: a server, three
// hosts with a package database each, and the machine of the one who asks. Only ssh, systemctl and go install are replaced.
func TestGuide_FiftyMachines(t *testing.T) {
	o := newOffice(t)
	g := &guide{t: t, office: o}
	text, blocks := readGuide(t)
	g.blocks = blocks
	me := o.add("admin", true, "ssh")
	o.machines[mine] = me
	nats := o.add(server, false, "go")
	for _, name := range []string{"web1", "web2", "db1"} {
		o.add(name, false)
	}
	o.introduce(me)
	for name, version := range map[string]string{"web1": "5.6.1-1", "web2": "5.6.1-1", "db1": "5.8.1-1"} {
		o.machines[name].Install("xz", version)
	}
	harness.WriteProgram(t, nats.inside("/run/nats-server"), harness.ReadFile(t, buildServer(t)))

	g.run("printf")
	g.setUpServer(nats)
	g.addHosts()
	g.askQuestions()
	g.watchAndBrowse()
	g.administer(nats)
	g.breakThings(nats)
	require.Empty(t, g.blocks, "blocks of the guide that the test does not run")

	_, table, found := strings.Cut(text, "| message | means |\n| --- | --- |\n")
	require.True(t, found)
	rows := strings.Split(strings.TrimSpace(table), "\n")
	require.Greater(t, len(rows), 8)
	for _, row := range rows {
		message := strings.Split(row, "`")[1]
		require.Contains(t, g.seen.String(), message, "the test did not see this message of the guide")
	}
}

// buildServer builds the real server from the module that omg-fleet requires.
func buildServer(t *testing.T) string {
	t.Helper()
	root := need.ProjectRoot(t)
	require.Contains(t, string(harness.ReadFile(t, filepath.Join(root, "omg-fleet/go.mod"))), "github.com/nats-io/nats-server/v2 "+natsVersion+"\n")
	out := filepath.Join(t.TempDir(), "nats-server")
	cmd := exec.Command("go", "build", "-o", out, "github.com/nats-io/nats-server/v2")
	cmd.Dir = filepath.Join(root, "omg-fleet")
	r := harness.Run(t, cmd)
	require.Zero(t, r.Code, r.Stderr)
	return out
}

func (g *guide) setUpServer(nats *machine) {
	g.t.Helper()
	g.run("omg-fleet init")
	g.run("tar -cC fleet/servers")
	g.run("go install")
	g.run("systemctl enable --now nats-server")
	var last error
	harness.Await(g.t, func() bool {
		var c net.Conn
		if c, last = g.machines[mine].dial("tcp", nats.address+":4222"); last == nil {
			_ = c.Close()
		}
		return last == nil
	}, "the server listens: %s", func() string { return last.Error() + "\n" + nats.log("nats-server") })
	require.Contains(g.t, g.run("omg-fleet setup"), "0 hosts: entered into the roster")

	// Nobody gets in without encryption.
	c, err := g.machines["db1"].dial("tcp", nats.address+":4222")
	require.NoError(g.t, err)
	defer c.Close()
	_, err = io.WriteString(c, "CONNECT {}\r\nPING\r\n")
	require.NoError(g.t, err)
	answer, _ := io.ReadAll(c)
	require.NotContains(g.t, string(answer), "PONG")
	require.Contains(g.t, nats.log("nats-server"), "TLS")

	g.run(".config/omg/config.toml")
	g.fails(g.machines[mine], "omg-fleet has xz")
}

func (g *guide) addHosts() {
	g.t.Helper()
	key := strings.TrimSpace(g.run("omg-fleet key"))
	g.run("omg-fleet host add", "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", key)
	g.answers("web1 silent\n", "omg-fleet hosts --format '{{.host}} {{.state}}' || true")
	g.run("fleet-agent.env")
	_, question := g.next("omg-fleet has xz")
	g.answers("web1 xz 5.6.1-1\nasked 1, answered 1\n", question)

	_, g.loop = g.next("omg-fleet host add")
	g.fails(g.machines["db1"], "omg-fleet key /root/other.creds && omg-fleet --server tls://nats.example.org:4222 --creds /root/other.creds agent")
	require.Empty(g.t, g.machines[mine].run(g.loop).Stderr)
	g.answers(everybody, question)
	require.Empty(g.t, g.machines[mine].sh(g.loop), "a repetition does nothing")
}

func (g *guide) askQuestions() {
	g.t.Helper()
	_, questions := g.next("omg-fleet hosts")
	g.ask(func(r harness.Result) bool {
		return r.Code == 0 && strings.Contains(r.Stdout, "web1 xz 5.6.1-1\nweb2 xz 5.6.1-1\nasked 3, answered 3\n")
	}, questions)

	// A host without a network is named, and so is one whose agent was stopped.
	web2, db1 := g.machines["web2"], g.machines["db1"]
	g.plug(web2, false)
	db1.sh("systemctl stop omg-fleet-agent")
	_, question := g.next("--require-all")
	want := "db1 xz 5.8.1-1 [silent]\nweb1 xz 5.6.1-1\nweb2 xz 5.6.1-1 [silent]\nasked 3, answered 1\n"
	r := g.ask(func(r harness.Result) bool { // the server stores the last message of an agent after the agent has ended
		return r.Stdout == want && strings.Contains(r.Stderr, "it did not answer within") && strings.Contains(r.Stderr, "its agent was stopped")
	}, question)
	require.Equal(g.t, 7, r.Code, r.Stderr)
	g.plug(web2, true)
	db1.sh("systemctl start omg-fleet-agent")
	g.ask(func(r harness.Result) bool { return r.Code == 0 }, question)
}

func (g *guide) watchAndBrowse() {
	g.t.Helper()
	watch := g.begin("omg-fleet watch")
	harness.Await(g.t, func() bool { return strings.Count(watch.Stdout(), "\n") >= 3 }, "a line for each host: %s", watch.Stdout)
	before := len(watch.Stdout())
	web1 := g.machines["web1"]
	web1.Install("own-package", "1-1")
	harness.Await(g.t, func() bool { return strings.Contains(watch.Stdout()[before:], "web1") }, "a line about the change: %s", watch.Stdout)
	watch.Kill()

	web := g.begin("omg-fleet web")
	web.AwaitStderr("the pages are on ")
	me := g.machines[mine]
	jar, err := cookiejar.New(nil)
	require.NoError(g.t, err)
	browser := &http.Client{Jar: jar, Timeout: harness.HangTimeout, Transport: &http.Transport{DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
		return me.dial(network, strings.Replace(address, "localhost", "127.0.0.1", 1))
	}}}
	token := string(harness.ReadFile(g.t, me.inside("/root/token")))
	answer, err := browser.PostForm("http://localhost:8480/login", url.Values{"token": {strings.TrimSpace(token)}})
	require.NoError(g.t, err)
	require.NoError(g.t, answer.Body.Close())
	require.Equal(g.t, http.StatusOK, answer.StatusCode)
	var page []byte
	harness.Await(g.t, func() bool { // the first reading of the hosts may have failed
		answer, err := browser.Get("http://localhost:8480/")
		require.NoError(g.t, err)
		defer answer.Body.Close()
		page, err = io.ReadAll(answer.Body)
		require.NoError(g.t, err)
		return !slices.ContainsFunc([]string{"web1", "web2", "db1", "asked 3, answered 3"}, func(text string) bool { return !strings.Contains(string(page), text) })
	}, "the page has all hosts: %s", &page)
	web.Kill()
}

// refused matches the line of an agent's log about a revoked key.
var refused = regexp.MustCompile(`(?i)authorization violation|authentication revoked`)

// healthy matches the output of omg-fleet doctor if it has found nothing wrong, and could check everything.
var healthy = regexp.MustCompile(`\A(ok .*\n)+\z`)

func (g *guide) administer(nats *machine) {
	g.t.Helper()
	_, doctor := g.next("omg-fleet doctor")
	r := g.ask(func(r harness.Result) bool { return r.Code == 0 && healthy.MatchString(r.Stdout) }, doctor)
	require.Empty(g.t, r.Stderr)

	web2, me := g.machines["web2"], g.machines[mine]
	require.Contains(g.t, g.run("host revoke"), "web2: revoked on nats.example.org")
	log := func() string { return web2.log("omg-fleet-agent") }
	harness.Await(g.t, func() bool { return refused.MatchString(log()) }, "the session of the host ends: %s", log)
	g.answers("db1 xz 5.8.1-1\nweb1 xz 5.6.1-1\nasked 2, answered 2\n", "omg-fleet has xz")
	g.fails(me, "omg-fleet host add --dir fleet web2 $(ssh root@web2 omg-fleet key /etc/omg/fleet.creds)")
	g.fails(me, "ssh root@web2 omg-fleet key /root/new.creds >new; omg-fleet host add --dir fleet web1 $(cat new)")
	g.run("rm /etc/omg/fleet.creds")
	require.Empty(g.t, me.run(g.loop).Stderr, "the guide repeats the loop")
	g.answers(everybody, "omg-fleet has xz")

	me.sh("cp fleet/admin.creds earlier.creds")
	g.run("--renew-admin")
	g.fails(me, "omg-fleet --creds earlier.creds has xz")
	g.ask(func(r harness.Result) bool { return r.Code == 0 }, "omg-fleet has xz")

	g.run("fleet-backup.tar fleet")
	require.Equal(g.t, 3, strings.Count(g.run("omg-fleet host list --dir restored/fleet"), " added "))
	g.run("systemctl try-restart")
	g.answers(everybody, "omg-fleet has xz")
}

// breakThings does what the last table of the guide explains.
func (g *guide) breakThings(nats *machine) {
	g.t.Helper()
	me, web1, web2 := g.machines[mine], g.machines["web1"], g.machines["web2"]
	web1.sh("systemctl stop omg-fleet-agent omgd && systemctl start omg-fleet-agent")
	web2.sh("systemctl stop omgd")
	harness.WriteFile(g.t, web2.inside("/etc/machine-id"), harness.ReadFile(g.t, g.machines["db1"].inside("/etc/machine-id")))
	web2.sh("systemctl start omgd; systemctl restart omg-fleet-agent")
	g.ask(func(r harness.Result) bool {
		return strings.Contains(r.Stderr, "it has no inventory: omgd is not running") && strings.Contains(r.Stderr, "have the same identity")
	}, "omg-fleet has xz")
	g.fails(me, "HOME=/nowhere omg-fleet --server tls://nats.example.org:4222 --creds fleet/admin.creds has xz")
	nats.sh("systemctl stop nats-server")
	g.fails(me, "omg-fleet has xz")

	// The server starts again without its data.
	nats.sh("rm -r /var/lib/nats/* && systemctl start nats-server")
	g.ask(func(r harness.Result) bool { return r.Code == 0 }, "omg-fleet setup --dir fleet")
	web1.sh("systemctl start omgd")
	for _, m := range []*machine{web1, web2, g.machines["db1"]} {
		m.sh("systemctl restart omg-fleet-agent")
	}
	g.answers(everybody, "omg-fleet has xz")
}
