package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

const setupAdvice = "omg-fleet setup corrects it"

// checkStream compares a stream with what it should be, and its replicas with the servers of the cluster.
func (d *doctor) checkStream(info *jetstream.StreamInfo) {
	got := &info.Config
	name := "stream " + got.Name
	want := streams.Roster(got.Replicas)
	if got.Name == subject.StateStream {
		want = streams.State(got.Replicas, got.MaxAge)
	}
	found := differences(got, &want)
	for _, one := range found {
		d.addProblem(name, one, setupAdvice)
	}
	if len(found) == 0 {
		d.addOK(name, fmt.Sprintf("configured as it should be, with %d messages", info.State.Msgs))
	}
	d.checkReplicas(info)
}

// differences describes in which ways a stream differs from what it should be.
func differences(got, want *jetstream.StreamConfig) (found []string) {
	for _, one := range []struct {
		differs bool
		what    string
	}{
		{!slices.Equal(got.Subjects, want.Subjects), fmt.Sprintf("it has the subjects %.200q", got.Subjects)},
		{got.AllowRollup, "it allows roll-up headers, with which a host can delete all messages"},
		{!got.DenyPurge, "its messages can be deleted at once: deny_purge is off"},
		{!got.DenyDelete, "its messages can be deleted: deny_delete is off"},
		{got.NoAck != want.NoAck && want.NoAck, "the server acknowledges messages on any subject that a host names, such as that of another host: no_ack is off"},
		{got.NoAck != want.NoAck && !want.NoAck, "the server does not acknowledge what is stored: no_ack is on"},
		{got.MaxMsgsPerSubject != want.MaxMsgsPerSubject, fmt.Sprintf("it keeps %d messages of a subject, not %d", got.MaxMsgsPerSubject, want.MaxMsgsPerSubject)},
		{got.MaxMsgs > 0 || got.MaxBytes > 0, "it has a limit for all messages together, so one host can push out another"},
		{got.Name == subject.StateStream && got.MaxAge <= 0, "it keeps the states of removed hosts for ever: max_age is off"},
		{got.Name != subject.StateStream && got.MaxAge > 0, "it forgets hosts after " + got.MaxAge.String()},
		{got.MaxMsgSize != want.MaxMsgSize, fmt.Sprintf("it takes messages of %d bytes, not of %d", got.MaxMsgSize, want.MaxMsgSize)},
		{got.Storage != want.Storage, "it is not kept on a disk"},
		{got.Retention != want.Retention || got.Discard != want.Discard, "it deletes messages by other rules"},
		{got.Duplicates > time.Second, "it drops messages with the same Nats-Msg-Id for " + got.Duplicates.String() + ", so one host can suppress another"},
		{!sameRePublish(got.RePublish, want.RePublish), "it does not confirm to a host what was stored: republish differs"},
		{
			got.AllowMsgTTL || got.AllowMsgCounter || got.AllowAtomicPublish || got.AllowMsgSchedules || got.AllowBatchPublish || got.SubjectDeleteMarkerTTL > 0,
			"it allows headers that change or delay messages",
		},
		{got.Mirror != nil || len(got.Sources) > 0 || got.SubjectTransform != nil, "it gets messages from other streams, or changes their subjects"},
		{!got.AllowDirect, "its messages are read from one server only: allow_direct is off"},
		{got.PersistMode == jetstream.AsyncPersistMode, "messages are confirmed before they are on a disk"},
		{got.Sealed, "it takes no messages any more, and has to be made again"},
	} {
		if one.differs {
			found = append(found, one.what)
		}
	}
	return found
}

func sameRePublish(got, want *jetstream.RePublish) bool {
	if got == nil || want == nil {
		return got == want
	}
	return *got == *want
}

// checkReplicas checks that a stream survives the loss of a server, if there are several.
func (d *doctor) checkReplicas(info *jetstream.StreamInfo) {
	name := "replicas of " + info.Config.Name
	n := info.Config.Replicas
	cluster := info.Cluster
	if cluster == nil || cluster.Name == "" && len(cluster.Replicas) == 0 {
		d.addOK(name, "one, because the server is not in a cluster")
		return
	}
	if n < 3 {
		d.addProblem(name, fmt.Sprintf("%d in a cluster, so that the loss of one server loses or stops it", n), setupAdvice)
		return
	}
	bad := false
	if cluster.Leader == "" {
		d.addProblem(name, "no server leads: a majority of the servers does not run", "start the servers")
		bad = true
	}
	for _, peer := range cluster.Replicas {
		if peer.Offline || !peer.Current {
			state := "is behind"
			if peer.Offline {
				state = "is away"
			}
			d.addProblem(name, peer.Name+" "+state, "look at the log of this server")
			bad = true
		}
	}
	if !bad {
		d.addOK(name, fmt.Sprintf("%d, all current", n))
	}
}
