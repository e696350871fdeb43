package simulation

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/agent"
	"github.com/omg-arch/omg/omg-fleet/internal/asking"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// fleet is a cluster with hosts that run in the test.
type fleet struct {
	*cluster
	hosts  []*changingHost
	roster []string
}

// startHost starts a host that connects to the servers of a URL and gives a sign of life each interval, and returns a function that stops it.
func startHost(t *testing.T, h *changingHost, url string, interval time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	o := agent.Options{Link: link.Options{Server: url}, Host: h.name, Source: h, Interval: interval, Log: slog.New(slog.DiscardHandler)}
	go func() { ended <- agent.Run(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, await.Receive(t, ended, "the agent of %s to end", h.name))
	})
	t.Cleanup(stop)
	return stop
}

func startFleet(t *testing.T, c *cluster, hosts int) *fleet {
	t.Helper()
	f := &fleet{cluster: c}
	for i := range hosts {
		h := &changingHost{name: hostName(i), startedAt: time.Now()}
		f.hosts, f.roster = append(f.hosts, h), append(f.roster, h.name)
		startHost(t, h, c.url, time.Second)
	}
	f.awaitAnswers()
	return f
}

// versions returns the current versions of all hosts.
func (f *fleet) versions() map[string]int {
	all := map[string]int{}
	for _, h := range f.hosts {
		h.mu.Lock()
		all[h.name] = h.version
		h.mu.Unlock()
	}
	return all
}

var hasProbe = question.Spec{Kind: question.KindHas, Words: []string{probePackage}}

// ask asks all hosts. Each host that has answered must have given a version that it had meanwhile, and all others must be named.
func (f *fleet) ask(deadline time.Duration) (*question.Summary, error) {
	before := f.versions()
	ctx, stop := context.WithTimeout(f.t.Context(), await.Timeout)
	defer stop()
	fleet, err := asking.Open(ctx, f.options())
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	var all []*question.Answer
	coverage := question.NewCoverage(f.roster, time.Hour, time.Now())
	err = fleet.Ask(ctx, &hasProbe, deadline, func(a *question.Answer) error {
		all = append(all, a)
		coverage.Add(a, a.Host)
		return nil
	})
	if err != nil {
		return nil, err
	}
	after := f.versions()
	for _, a := range all {
		if a.State == question.Answered {
			require.Len(f.t, a.Packages, 1)
			version, err := strconv.Atoi(a.Packages[0].Version)
			require.NoError(f.t, err)
			require.GreaterOrEqual(f.t, version, before[a.Host], "%s has answered with an old state", a.Host)
			require.LessOrEqual(f.t, version, after[a.Host])
		}
	}
	s := coverage.Finish()
	require.Equal(f.t, len(f.hosts), s.Asked)
	require.Equal(f.t, len(f.hosts), s.Answered+len(s.Silent))
	require.Empty(f.t, s.Duplicates)
	for _, one := range s.Silent {
		require.NotEmpty(f.t, one.Why)
	}
	return s, nil
}

// askSurely asks again until a question is not refused, because a busy machine may be too slow to connect.
func (f *fleet) askSurely(deadline time.Duration) (s *question.Summary) {
	f.t.Helper()
	var err error
	await.Condition(f.t, func() bool {
		s, err = f.ask(deadline)
		return err == nil
	}, "the servers to take a question: %s", func() string { return fmt.Sprint(err) })
	return s
}

// awaitAnswers waits until all hosts answer.
func (f *fleet) awaitAnswers() {
	f.t.Helper()
	var s *question.Summary
	var err error
	await.Condition(f.t, func() bool {
		s, err = f.ask(5 * time.Second)
		return err == nil && s.Answered == len(f.hosts)
	}, "all hosts to answer: %s", func() string { return fmt.Sprintf("%+v %v", s, err) })
}

// storedVersions returns the versions in the states that the server of a URL has, or another one if this one does not answer.
func (f *fleet) storedVersions(url string) (map[string]int, error) {
	ctx, stop := context.WithTimeout(f.t.Context(), await.Timeout)
	defer stop()
	fleet, err := asking.Open(ctx, link.Options{Server: url})
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	all := map[string]int{}
	return all, fleet.AskStored(ctx, &hasProbe, func(a *question.Answer) error {
		if len(a.Packages) == 0 {
			return nil
		}
		version, err := strconv.Atoi(a.Packages[0].Version)
		all[a.Host] = version
		return err
	})
}

// awaitStored waits until the last state of each host is stored by each of some servers.
func (f *fleet) awaitStored(ports ...int) {
	f.t.Helper()
	want := f.versions()
	for i, port := range ports {
		var got map[string]int
		var err error
		await.Condition(f.t, func() bool {
			got, err = f.storedVersions(urlOf(port))
			return err == nil && maps.Equal(got, want)
		}, "the states %v to be stored by server %d: %s", want, i, func() string { return fmt.Sprint(got, err) })
	}
}

// confirmations are what the servers have confirmed to the hosts.
type confirmations struct {
	mu         sync.Mutex
	bySequence map[string]string // the subject and the name of the message
	last       map[string]uint64 // by subject
	conflict   string
}

func (c *confirmations) note(m *nats.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	number, on := m.Header.Get(jetstream.SequenceHeader), m.Header.Get(jetstream.SubjectHeader)
	message := on + " " + m.Header.Get(subject.MessageHeader)
	if other, seen := c.bySequence[number]; seen && other != message {
		c.conflict = fmt.Sprintf("%s was confirmed as %q and as %q", number, other, message)
	}
	c.bySequence[number] = message
	if sequence, err := strconv.ParseUint(number, 10, 64); err == nil {
		c.last[on] = max(c.last[on], sequence)
	}
}

// follow notes what each server confirms.
func (f *fleet) follow() *confirmations {
	c := &confirmations{bySequence: map[string]string{}, last: map[string]uint64{}}
	for _, port := range f.ports {
		conn, err := nats.Connect(urlOf(port), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.Timeout(await.Timeout))
		require.NoError(f.t, err)
		f.t.Cleanup(conn.Close)
		_, err = conn.Subscribe(subject.AllStored, c.note)
		require.NoError(f.t, err)
	}
	return c
}

// subjects returns the number of subjects on which something was confirmed.
func (c *confirmations) subjects() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.last)
}

// requireKept checks that no confirmed message was lost: the last of each subject is the last that was confirmed, or a later one.
func (c *confirmations) requireKept(f *fleet) {
	f.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(f.t, c.conflict)
	require.NotEmpty(f.t, c.last)
	for on, last := range c.last {
		m := f.lastMessage(on)
		require.GreaterOrEqual(f.t, m.Sequence, last, on)
		if m.Sequence == last {
			header, err := nats.DecodeHeadersMsg(m.Header)
			require.NoError(f.t, err)
			require.Equal(f.t, c.bySequence[strconv.FormatUint(last, 10)], on+" "+header.Get(subject.MessageHeader))
		}
	}
}

// changeAll changes all hosts.
func (f *fleet) changeAll() {
	for _, h := range f.hosts {
		h.change()
	}
}

// tally counts questions by what came of them.
type tally struct{ complete, incomplete, refused int }

func (c tally) String() string {
	return fmt.Sprintf("%d answers were complete, %d incomplete, and %d were refused", c.complete, c.incomplete, c.refused)
}

// work asks questions, and changes hosts before each one.
func (f *fleet) work(c *tally, questions int) {
	f.t.Helper()
	for range questions {
		for range 10 {
			f.hosts[rand.N(len(f.hosts))].change()
			time.Sleep(time.Millisecond) // so that most changes are published for themselves
		}
		switch s, err := f.ask(2 * time.Second); {
		case err != nil:
			c.refused++
		case s.Answered == len(f.hosts):
			c.complete++
		default:
			c.incomplete++
		}
	}
}

// workUntilComplete works, and asks more questions until the answer to one was complete: on a busy machine, a few may all have too little time.
func (f *fleet) workUntilComplete(c *tally, questions int) {
	f.t.Helper()
	f.work(c, questions)
	await.Condition(f.t, func() bool {
		if c.complete == 0 {
			f.work(c, 1)
		}
		return c.complete > 0
	}, "all hosts to answer a question: %s", c.String)
}

// requireRecovered checks that all is as before a fault: all hosts answer, all servers get their last states, and no server has lost what was
// confirmed.
func (f *fleet) requireRecovered(c *confirmations) {
	f.t.Helper()
	f.awaitWhole()
	f.awaitAnswers()
	f.requireDelivered(c, f.ports...)
}

// requireDelivered changes all hosts, and checks that some servers get their last states, and that nothing was lost that was confirmed.
func (f *fleet) requireDelivered(c *confirmations, ports ...int) {
	f.t.Helper()
	f.changeAll()
	f.awaitStored(ports...)
	await.Condition(f.t, func() bool { return c.subjects() == 2*len(f.hosts) }, "all hosts to be confirmed")
	c.requireKept(f)
}

// TestChaos kills, stops and cuts off servers, while hosts change and questions are asked: each server in turn in the long form, and otherwise the
// leader.
func TestChaos(t *testing.T) {
	besideOthers(t)
	f := startFleet(t, startCluster(t, 3), 20)
	confirmed := f.follow()
	questions, victims := 2, func() []int { return []int{f.leader()} }
	if soak {
		questions, victims = 56, func() []int { return []int{0, 1, 2} } // 1008 questions and 10,080 changes
	}
	var c tally
	for _, fault := range []struct {
		name       string
		begin, end func(i int)
	}{
		{"killed", func(i int) { f.servers[i].kill() }, f.start},
		{"stopped", func(i int) { f.servers[i].signal(pause) }, func(i int) { f.servers[i].signal(resume) }},
		{"cut off", func(i int) { f.isolate(i, true) }, func(i int) { f.isolate(i, false) }},
	} {
		for _, i := range victims() {
			fault.begin(i)
			f.workUntilComplete(&c, questions)
			fault.end(i)
			f.work(&c, questions)
			f.requireRecovered(confirmed)
			t.Logf("server %d was %s: so far %s", i, fault.name, c)
		}
	}
}

// TestChaos_Slow asks through a network that needs 200 ms for each segment and loses 1 % of them.
func TestChaos_Slow(t *testing.T) {
	besideOthers(t)
	hosts, silent, questions := 40, 5, 2
	if soak {
		hosts, silent, questions = 200, 20, 100
	}
	c := startCluster(t, 1)
	start := func() *proxy { return startSlowProxy(t, c.ports[0], 200*time.Millisecond, 0.01, time.Second) }
	slow, cut := start(), start()
	f := &fleet{cluster: c}
	c.url = urlOf(slow.port)
	for i := range hosts {
		h, p := &changingHost{name: hostName(i), startedAt: time.Now()}, slow
		if i < silent {
			p = cut
		}
		f.hosts, f.roster = append(f.hosts, h), append(f.roster, h.name)
		startHost(t, h, urlOf(p.port), time.Second)
	}
	f.awaitAnswers()
	f.awaitStored(slow.port)
	falsely, longest := 0, time.Duration(0)
	for range questions {
		begin := time.Now()
		s := f.askSurely(await.Timeout)
		require.Empty(t, s.Silent)
		longest = max(longest, time.Since(begin))
	}
	t.Logf("the longest of %d questions took %s", questions, longest)
	cut.setCut(true)
	for range questions {
		s := f.askSurely(10 * time.Second) // stalled segments delay those behind them, so 5 s are too short for some
		named := map[string]bool{}
		for _, one := range s.Silent {
			require.Contains(t, one.Why, "it was last heard") // after three minutes, hosts are not waited for any more
			// Its last state is shown too, unless a stalled segment delays that for too long.
			require.True(t, one.At != 0 || strings.Contains(one.Why, ", and the servers have not answered in time"), one.Why)
			named[one.Host] = true
		}
		for _, name := range f.roster[:silent] {
			require.True(t, named[name], name)
		}
		falsely += len(s.Silent) - silent
	}
	t.Logf("%d of %d hosts were falsely silent", falsely, questions*(hosts-silent))
	if soak {
		require.Less(t, falsely*1000, questions*(hosts-silent))
	}
}

// TestChaos_Duplicate checks that two agents with the name of one host are reported while both run.
func TestChaos_Duplicate(t *testing.T) {
	c := startCluster(t, 1)
	f := startFleet(t, c, 3)
	duplicates := func() (found []string) {
		t.Helper()
		await.Condition(t, func() bool {
			fleet, err := asking.Open(t.Context(), c.options())
			if err != nil {
				return false
			}
			defer fleet.Close()
			found = fleet.Duplicates()
			return true
		}, "the server to answer")
		return found
	}
	require.Empty(t, duplicates())
	stop := startHost(t, &changingHost{name: f.roster[1], startedAt: time.Now()}, c.url, time.Second)
	// The sign of life with the report can be replaced by that of the agent that has not noticed the other one yet.
	await.Condition(t, func() bool { return slices.Equal(f.roster[1:2], duplicates()) }, "the duplicate to be reported")
	stop()
	await.Condition(t, func() bool { return len(duplicates()) == 0 }, "the remaining agent to notice that it is alone")
	f.awaitAnswers()
}

// TestChaos_DuplicateStops checks that a host whose name another agent had is not considered to be stopped when that agent stops, and that its state
// is kept again, long before its next sign of life.
func TestChaos_DuplicateStops(t *testing.T) {
	c := startCluster(t, 1)
	startFleet(t, c, 1) // makes the streams
	const name = "web1"
	o := c.options()
	o.InboxPrefix = subject.AdminInboxPrefix
	conn, err := link.Connect(o)
	require.NoError(t, err)
	defer conn.Close()
	streams, err := state.Open(conn)
	require.NoError(t, err)
	isKept := func(h *changingHost) bool {
		kept, err := streams.Inventory(t.Context(), name)
		if err != nil {
			return false
		}
		hosts, _, err := streams.Hosts(t.Context())
		if err != nil {
			return false
		}
		return bytes.Equal(kept, h.Latest().Compressed) && hosts[name] != nil && hosts[name].IsLive(time.Now())
	}
	first := &changingHost{name: name, startedAt: time.Now(), version: 1}
	second := &changingHost{name: name, startedAt: time.Now(), version: 2}
	startHost(t, first, c.url, time.Hour)
	await.Condition(t, func() bool { return isKept(first) }, "the first agent")
	stop := startHost(t, second, c.url, time.Hour)
	await.Condition(t, func() bool { return isKept(second) }, "the second agent")
	stop()
	await.Condition(t, func() bool { return isKept(first) }, "the first agent, which goes on")
}
