package journal

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEvent_JSON(t *testing.T) {
	for name, c := range map[string]struct {
		event Event
		want  string
	}{
		"both values": {
			Event{"demo", EventMaintainerChanged, "alice", "bob", Interval{1_790_000_000, 1_790_086_400}},
			`{"pkgbase":"demo","event":"maintainer-changed","from":"alice","to":"bob","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"]}`,
		},
		"no old value": {
			Event{"demo", EventAdopted, "", "bob", Interval{0, maxTime}},
			`{"pkgbase":"demo","event":"adopted","from":null,"to":"bob","between":["1970-01-01T00:00:00Z","9999-12-31T23:59:59Z"]}`,
		},
		"no new value": {
			Event{"demo", EventOrphaned, "alice", "", Interval{5, 5}},
			`{"pkgbase":"demo","event":"orphaned","from":"alice","to":null,"between":["1970-01-01T00:00:05Z","1970-01-01T00:00:05Z"]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(c.event)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			var again Event
			require.NoError(t, json.Unmarshal(got, &again))
			require.Equal(t, c.event, again)
		})
	}
}

func TestEvent_JSONErrors(t *testing.T) {
	const good = `{"pkgbase":"demo","event":"adopted","from":null,"to":"bob","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"]}`
	require.NoError(t, json.Unmarshal([]byte(good), new(Event)))
	for name, c := range map[string]struct {
		old, new string
		want     error
	}{
		"no name":             {`"demo"`, `""`, errEvent},
		"a long name":         {`demo`, strings.Repeat("x", MaxText+1), errEvent},
		"a long value":        {`bob`, strings.Repeat("x", MaxText+1), errEvent},
		"an unknown event":    {`adopted`, `exploded`, errKind},
		"the event 0":         {`adopted`, ``, errKind},
		"a reversed interval": {`2026-09-22`, `2026-09-20`, errInterval},
		"a time before 1970":  {`2026-09-21`, `1926-09-21`, errInterval},
		"no time":             {`2026-09-21T14:13:20Z`, `yesterday`, nil},
		"no object":           {good, `5`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := json.Unmarshal([]byte(strings.Replace(good, c.old, c.new, 1)), new(Event))
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

// TestKind checks that each kind has a name of its own, and that the numbers in files keep their meaning.
func TestKind(t *testing.T) {
	names := []string{
		"maintainer-changed", "orphaned", "adopted", "comaintainer-added", "comaintainer-removed", "deleted", "recreated",
		"first-seen", "updated-after-dormancy", "host-changed", "young-dependency-added", "flagged-out-of-date",
	}
	require.Len(t, kindNames, len(names)+1)
	for i, name := range names {
		kind, err := parseKind(name)
		require.NoError(t, err)
		require.Equal(t, EventKind(i+1), kind)
		require.Equal(t, name, kind.String())
	}
	require.Equal(t, "event-99", EventKind(99).String())
}
