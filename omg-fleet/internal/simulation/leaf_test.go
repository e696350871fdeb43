package simulation

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/freeport"
)

// site is a leaf node with its hosts.
type site struct {
	f       *fleet
	port    int
	hubs    []*proxy // through which the leaf node reaches the servers
	process *process
	names   []string // of the hosts
}

// addSite adds a leaf node with new hosts.
func (f *fleet) addSite(hosts int) *site {
	f.t.Helper()
	s := &site{f: f, port: freeport.TakeForServers(f.t, 1)[0]}
	for i := range f.servers {
		s.hubs = append(s.hubs, startProxy(f.t, f.leafPort(i)))
	}
	s.start()
	for range hosts {
		h := &changingHost{name: hostName(len(f.hosts)), startedAt: time.Now()}
		f.hosts, f.roster, s.names = append(f.hosts, h), append(f.roster, h.name), append(s.names, h.name)
		startHost(f.t, h, urlOf(s.port), time.Second)
	}
	f.awaitAnswers()
	return s
}

// start starts the leaf node, which may have been killed.
func (s *site) start() {
	s.f.t.Helper()
	ports := make([]int, len(s.hubs))
	for i, p := range s.hubs {
		ports[i] = p.port
	}
	s.process = start(s.f.t, "server", "-name", "leaf", "-port", fmt.Sprint(s.port), "-hubs", urlOf(ports...))
}

func (s *site) setCut(cut bool) {
	for _, p := range s.hubs {
		p.setCut(cut)
	}
}

// requireSilent checks that the hosts of the site, and no others, do not answer, and are named with what is known about them.
func (s *site) requireSilent() {
	s.f.t.Helper()
	silent := []string{}
	for _, one := range s.f.askSurely(10 * time.Second).Silent {
		require.Equal(s.f.t, question.NotHeard, one.State)
		require.Contains(s.f.t, one.Why, "it did not answer within 10s, it was last heard")
		require.NotZero(s.f.t, one.At)
		silent = append(silent, one.Host)
	}
	require.Equal(s.f.t, s.names, silent)
}

// TestChaos_Leaf cuts off and kills a leaf node, and kills the servers that it is connected to, one by one and all together. What is lost meanwhile is
// sent again by the hosts, whose own connection to the leaf node may have stayed.
func TestChaos_Leaf(t *testing.T) {
	besideOthers(t)
	f := startFleet(t, startCluster(t, 3), 5)
	s := f.addSite(5)
	confirmed := f.follow()
	for i := range f.servers {
		f.servers[i].kill()
		f.changeAll()
		f.awaitAnswers() // through another server
		f.start(i)
		f.requireRecovered(confirmed)
	}

	s.setCut(true)
	f.changeAll()
	s.requireSilent()
	s.setCut(false)
	f.requireRecovered(confirmed)

	s.process.kill()
	f.changeAll()
	s.requireSilent()
	s.start()
	f.requireRecovered(confirmed)

	for i := range f.servers {
		f.servers[i].kill()
	}
	f.changeAll()
	_, err := f.ask(time.Second)
	require.ErrorContains(t, err, "cannot connect")
	for i := range f.servers {
		f.start(i)
	}
	f.requireRecovered(confirmed)
}
