package app

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/freeport"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestGuide_NATS runs the commands of the section "A fleet on NATS" of docs/fleet.md, in their order, with three servers and a leaf node. The servers
// are on this machine, and their certificates are self-signed.
func TestGuide_NATS(t *testing.T) {
	text, err := os.ReadFile("../../../docs/fleet.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## A fleet on NATS\n")
	require.True(t, found)
	section, _, found = strings.Cut(section, "\n## ")
	require.True(t, found)
	t.Chdir(t.TempDir())
	ports := freeport.TakeForServers(t, 4)
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	key := ""
	replace := func(line string) string {
		return strings.NewReplacer("init --dir fleet nats1.example.org", "init --dir fleet --self-signed "+address(0), "nats2.example.org", address(1),
			"nats3.example.org", address(2), "nats.site.example.org", address(3), "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", key).Replace(line)
	}
	var servers []*server.Server
	ran := map[string]int{}
	for _, m := range shellBlock.FindAllStringSubmatch(section, -1) {
		args := strings.Fields(replace(m[1]))
		require.Equal(t, "omg-fleet", args[0])
		require.NotContains(t, m[1], "\nomg-fleet", "one command in a block")
		name := args[1]
		ran[name]++
		// The replicas follow the leader after a moment. Until a server has the subscriptions of another one, it does not pass on the account.
		if name == "doctor" || name == "setup" {
			awaitOK(t, args)
			continue
		}
		out, errs := omgFleet(t, exit.OK, args[1:]...)
		require.Empty(t, errs, m[1])
		switch {
		case name == "key" && key == "":
			key = strings.TrimSpace(out)
		case name == "init" && servers == nil:
			dirs, err := filepath.Glob("fleet/servers/*")
			require.NoError(t, err)
			require.Len(t, dirs, 3)
			for _, dir := range dirs {
				servers = append(servers, fleettest.Run(t, dir))
			}
			for _, s := range servers {
				require.True(t, s.ReadyForConnections(await.Timeout))
				await.Condition(t, func() bool { return s.NumRemotes() == 2 && s.JetStreamIsCurrent() }, "the servers to connect to each other, and to choose a leader")
			}
		case name == "init":
			leaf := fleettest.Launch(t, filepath.Join("fleet/servers", strings.ReplaceAll(address(3), ":", "-")))
			await.Condition(t, func() bool { return leaf.NumLeafNodes() == 2 }, "the leaf node to connect")
		}
	}
	require.Equal(t, map[string]int{"init": 2, "setup": 1, "key": 2, "host": 3, "doctor": 1}, ran)
}

// awaitOK runs omg-fleet until it succeeds, without an error and without a check whose result is unknown.
func awaitOK(t *testing.T, args []string) {
	t.Helper()
	var out, errs strings.Builder
	await.Condition(t, func() bool {
		out.Reset()
		errs.Reset()
		return Run(t.Context(), args, &out, &errs) == exit.OK && errs.Len() == 0 && !strings.Contains(out.String(), "info")
	}, "%v to succeed: %s%s", args, out.String, errs.String)
}
