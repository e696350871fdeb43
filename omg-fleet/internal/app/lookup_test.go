package app

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
)

// TestLookup_HostileAnswers checks that what a node sends is safe on a terminal, and that names are never options or several words.
func TestLookup_HostileAnswers(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	creds := filepath.Join(t.TempDir(), "web1.creds")
	node, _ := f.Connect(t, f.Servers[0], f.AddNode(t, "node1").Option())
	require.NoError(t, f.Close()) // the commands open it
	key, _ := omgFleet(t, exit.OK, "key", creds)
	omgFleet(t, exit.OK, "host", "add", "--dir", f.Dir, "-o", creds+".jwt", "web1", strings.TrimSpace(key))
	omgFleet(t, exit.OK, "key", "--jwt", creds+".jwt", creds)

	const evil = `\u001b]0;x\u0007\u202ea\nb`
	const pkg = `{"repo":"` + evil + `","name":"` + evil + `","version":"` + evil + `","desc":"` + evil + `","url":"` + evil + `","groups":["` + evil + `"],"depends":["` + evil +
		`"],"packager":"` + evil + `","command":"x","path":"` + evil + `"}`
	const basis = `"partial":true,"why":"` + evil + `","sources":[{"name":"` + evil + `","kind":"repository","state":"failed","why":"` + evil + `"}],"suggestions":[{"name":"` + evil + `"}],`
	answers := map[messages.LookupKind]string{
		messages.LookupSearch:  `"search":{` + basis + `"total":4294967295,"packages":[` + pkg + `,{"name":"-Rdd"},{"name":"good"}]}`,
		messages.LookupInfo:    `"info":{` + basis + `"packages":[` + pkg + `],"missing":[{"name":"` + evil + `","suggestions":[{"name":"` + evil + `"}]}]}`,
		messages.LookupCommand: `"command":{` + basis + `"commands":[` + pkg + `],"missing":[{"name":"` + evil + `","similar":[` + pkg + `]},{"name":"` + evil + `"}]}`,
	}
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer w.Close()
	_, err = node.QueueSubscribe(subject.OneNode, subject.NodeGroup, func(m *nats.Msg) {
		l, err := messages.ParseLookup(m.Data)
		require.NoError(t, err)
		text := `{"schema":1,"state":"answered","now":-9223372036854775808,` + answers[l.Kind] + `}`
		require.True(t, json.Valid([]byte(text)), text)
		require.NoError(t, node.Publish(subject.Found("web1", "node1", l.ID), w.EncodeAll([]byte(text), nil)))
	})
	require.NoError(t, err)
	require.NoError(t, node.Flush())
	for kind, code := range map[string]int{"search": exit.OK, "info": exit.Failed, "command": exit.Failed} {
		for _, form := range []string{"--quiet=false", "--json", "--quiet", "--format={{.name}}"} {
			out, errs := omgFleet(t, code, "--server", f.Servers[0].ClientURL(), "--ca", f.CAPath(), "--creds", creds, "--deadline", await.Timeout.String(), "lookup", kind, "--host", "web1", form, "x")
			for _, text := range []string{out, errs} {
				require.NotContains(t, text, "\x1b", kind+form)
				require.NotContains(t, text, "\u202e", kind+form)
				require.NotContains(t, text, "\nb", kind+form)
			}
			if kind == "search" && form != "--json" && form != "--quiet=false" {
				require.Equal(t, "good\n", out)
				require.Contains(t, errs, "left out 2 packages")
			}
		}
	}
}
