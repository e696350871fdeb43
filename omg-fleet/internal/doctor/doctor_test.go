package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// problems returns what the doctor finds wrong, as NAME: FOUND. With the keys, this includes what it cannot check.
func problems(t *testing.T, f *fleettest.Fleet, a *authority.Authority) (found []string) {
	t.Helper()
	s := f.Settings()
	checks, err := Run(t.Context(), link.Options{Server: s.URLs(), CA: f.CAPath(), Creds: f.CredsPath(), InboxPrefix: subject.AdminInboxPrefix}, a)
	require.NoError(t, err)
	require.NotEmpty(t, checks.Checks)
	for _, check := range checks.Checks {
		switch check.State {
		case StateProblem:
			require.NotEmptyf(t, check.Todo, "%s: what to do", check.Name)
			found = append(found, check.Name+": "+check.Found)
		case StateUnknown:
			if a != nil {
				found = append(found, check.Name+": unknown: "+check.Found)
			}
		}
	}
	return found
}

func TestRun_Healthy(t *testing.T) {
	f := fleettest.Start(t, 1)
	require.ElementsMatch(t, []string{"stream OMG_STATE: it does not exist", "stream OMG_ROSTER: it does not exist"}, problemsBeforeSetUp(t, f))
	f.SetUp(t)
	f.AddHost(t, "web1")
	require.Empty(t, problems(t, f, nil))
	require.Empty(t, problems(t, f, f.Authority))
}

// problemsBeforeSetUp returns what is wrong while the server has the account of the fleet, and no streams.
func problemsBeforeSetUp(t *testing.T, f *fleettest.Fleet) []string {
	t.Helper()
	_, _, err := f.PushAccount(t.Context(), f.Dial(t))
	require.NoError(t, err)
	return problems(t, f, nil)
}

func TestRun_Cluster(t *testing.T) {
	f := fleettest.Start(t, 3)
	js := f.SetUp(t)
	var last []string
	await.Condition(t, func() bool { last = problems(t, f, f.Authority); return len(last) == 0 }, "the replicas to be current: %v",
		func() string { return strings.Join(last, "; ") })

	weak := streams.Roster(1)
	await.Condition(t, func() bool { _, err := js.UpdateStream(t.Context(), weak); return err == nil }, "the stream to have one replica")
	require.Contains(t, problems(t, f, nil), "replicas of OMG_ROSTER: 1 in a cluster, so that the loss of one server loses or stops it")

	name := f.Servers[2].Name()
	f.Servers[2].Shutdown()
	f.Servers[2].WaitForShutdown()
	require.Contains(t, problems(t, f, f.Authority), "servers: "+name+" has not answered")
}

// TestRun_Weak checks that each way to make a server or a stream weaker is found.
func TestRun_Weak(t *testing.T) {
	f := fleettest.StartEdited(t, 1, func(conf string) string {
		return strings.NewReplacer("sync_interval: always", "sync_interval: 1m", "max_payload: 1048576", "max_payload: 67108864").
			Replace(conf) + "\nhttp: \"0.0.0.0:-1\"\n"
	})
	f.SetUp(t)
	name := "server " + f.Servers[0].Name()
	found := problems(t, f, f.Authority)
	require.Contains(t, found, name+": a power failure can lose what it has confirmed")
	require.Contains(t, found, name+": its pages with the state of the server can be read by others, without a password")
	require.Len(t, found, 2, "the account limits the messages: %v", found)
}

func TestRun_Open(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, MaxPayload: 32 << 20})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	conn, err := nats.Connect(s.ClientURL(), nats.Timeout(await.Timeout))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: subject.StateStream, Subjects: []string{"omg.>"}, AllowRollup: true, Storage: jetstream.MemoryStorage})
	require.NoError(t, err)
	checks, err := Run(t.Context(), link.Options{Server: s.ClientURL(), InboxPrefix: subject.AdminInboxPrefix}, nil)
	require.NoError(t, err)
	var text strings.Builder
	for _, check := range checks.Checks {
		text.WriteString(check.State + " " + check.Name + ": " + check.Found + "\n")
	}
	for _, want := range []string{
		"problem encryption: ", "problem anonymous access: ", "problem size of messages: ", "it allows roll-up headers", "deny_purge is off", "deny_delete is off",
		"no_ack is off", "republish differs", "it keeps -1 messages of a subject", "it has the subjects", "it is not kept on a disk",
		"max_age is off", "for 2m0s, so one host can suppress another", "problem stream OMG_ROSTER: it does not exist", "ok clock: ",
		"unknown synchronous writes: ", "unknown permissions of hosts: ",
	} {
		require.Contains(t, text.String(), want)
	}
	_, err = Run(t.Context(), link.Options{Server: "nats://127.0.0.1:1"}, nil)
	require.Error(t, err)
}

// TestDifferences checks that each field of the configuration of a stream is compared.
func TestDifferences(t *testing.T) {
	for _, want := range []jetstream.StreamConfig{streams.State(3, streams.DefaultMaxAge), streams.Roster(3)} {
		require.Empty(t, differences(&want, &want))
		for name, change := range map[string]func(*jetstream.StreamConfig){
			"subjects":    func(c *jetstream.StreamConfig) { c.Subjects = []string{"omg.>"} },
			"roll-up":     func(c *jetstream.StreamConfig) { c.AllowRollup = true },
			"purge":       func(c *jetstream.StreamConfig) { c.DenyPurge = false },
			"delete":      func(c *jetstream.StreamConfig) { c.DenyDelete = false },
			"ack":         func(c *jetstream.StreamConfig) { c.NoAck = !c.NoAck },
			"per subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 2 },
			"messages":    func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 },
			"bytes":       func(c *jetstream.StreamConfig) { c.MaxBytes = 10 },
			"size":        func(c *jetstream.StreamConfig) { c.MaxMsgSize = -1 },
			"storage":     func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
			"retention":   func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
			"discard":     func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew },
			"duplicates":  func(c *jetstream.StreamConfig) { c.Duplicates = 2 * time.Minute },
			"republish":   func(c *jetstream.StreamConfig) { c.RePublish = &jetstream.RePublish{Source: ">", Destination: "x.>"} },
			"ttl":         func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true },
			"counter":     func(c *jetstream.StreamConfig) { c.AllowMsgCounter = true },
			"atomic":      func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = true },
			"schedules":   func(c *jetstream.StreamConfig) { c.AllowMsgSchedules = true },
			"batch":       func(c *jetstream.StreamConfig) { c.AllowBatchPublish = true },
			"markers":     func(c *jetstream.StreamConfig) { c.SubjectDeleteMarkerTTL = time.Second },
			"mirror":      func(c *jetstream.StreamConfig) { c.Mirror = &jetstream.StreamSource{Name: "x"} },
			"sources":     func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "x"}} },
			"transform":   func(c *jetstream.StreamConfig) { c.SubjectTransform = &jetstream.SubjectTransformConfig{} },
			"direct":      func(c *jetstream.StreamConfig) { c.AllowDirect = false },
			"persist":     func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
			"sealed":      func(c *jetstream.StreamConfig) { c.Sealed = true },
		} {
			got := want
			change(&got)
			require.Len(t, differences(&got, &want), 1, name)
		}
	}
}

func TestCheckClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		at   time.Duration
		want string
	}{{0, StateOK}, {-4 * time.Second, StateOK}, {64 * time.Second, StateOK}, {-6 * time.Second, StateProblem}, {66 * time.Second, StateProblem}} {
		d := &doctor{}
		d.checkClock("a", now.Add(c.at), now, now.Add(time.Minute)) // the answer took a minute
		require.Equal(t, c.want, d.checks[0].State, c.at)
	}
}
