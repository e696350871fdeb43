package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const hint = "with --no-daemon omg reads this machine's databases directly"

// TestNoDaemon checks that omg-direct answers every request from the default databases if no daemon runs.
func TestNoDaemon(t *testing.T) {
	w := newTestUser(t)
	for name, ask := range questions {
		require.ErrorIs(t, ask(t.Context(), w.backend(backend.Options{})), errBecame, name)
		require.Equal(t, []wire.ServedPaths{{}}, w.became, name)
		require.Empty(t, w.notes, name)
	}
	// If the user named a socket that does not exist, a note says so.
	b := w.backend(backend.Options{Socket: w.socket})
	_, err := b.Status(t.Context())
	require.ErrorIs(t, err, errBecame)
	require.Equal(t, []string{"omgd is not running (" + w.socket + ")"}, w.notes)
}

// TestAsksDaemon checks which requests go to the daemon, depending on the files that the user named.
func TestAsksDaemon(t *testing.T) {
	how := conduct{greeting: greets(t, daemonPaths), other: result(t, map[string]any{})}
	w, s := served(t, how)
	for _, c := range []struct {
		name  string
		o     backend.Options
		kinds []string // the daemon answers all requests of these kinds
	}{
		{"nothing is named", backend.Options{}, []string{"data", "kept", "daemon"}},
		{"the socket is named", backend.Options{Socket: w.socket}, []string{"data", "kept", "daemon"}},
		{"databases are named", backend.Options{DBPath: "/db"}, []string{"daemon"}},
		{"a configuration is named", backend.Options{PacmanConfig: "/conf"}, []string{"daemon"}},
		{"an index is named", backend.Options{IndexPaths: []string{"/index"}}, []string{"daemon"}},
		{"databases and the socket are named", backend.Options{DBPath: "/db", Socket: w.socket}, []string{"data", "kept", "daemon"}},
		{"no daemon is wanted", backend.Options{NoDaemon: true}, nil},
	} {
		for kind, names := range kinds {
			for _, name := range names {
				s.behave(how)
				err := questions[name](t.Context(), w.backend(c.o))
				if slices.Contains(c.kinds, kind) {
					require.NoError(t, err, "%s: %s", c.name, name)
					require.Len(t, s.questions(), 1, "%s: %s", c.name, name)
					require.Empty(t, w.became)
					continue
				}
				require.ErrorIs(t, err, errBecame, "%s: %s", c.name, name)
				require.Empty(t, s.questions(), "%s: %s", c.name, name)
				want := wire.ServedPaths{}
				if (kind == "files" || kind == "checks") && (c.o.Socket != "" || c.name == "nothing is named") {
					want = daemonPaths
				}
				require.Equal(t, []wire.ServedPaths{want}, w.became, "%s: %s", c.name, name)
			}
		}
	}
}

// TestRefusal checks that after a refusal by the daemon, omg-direct reads the same databases or the request fails.
func TestRefusal(t *testing.T) {
	fault := map[wire.Code]bool{
		wire.CodeNotReady: true, wire.CodeInternal: true, wire.CodeBusy: true, wire.CodeShuttingDown: true, wire.CodeVersion: true, wire.CodeNotAllowed: true,
		wire.CodeNotFound: false, wire.CodeInvalid: false, wire.CodeNetwork: false, wire.CodeTooLarge: false,
	}
	require.Len(t, fault, int(wire.CodeVersion), "one for each code")
	for code, itsFault := range fault {
		own := wire.ServedPaths{}
		for name, c := range map[string]struct {
			daemon conduct
			known  *wire.ServedPaths
		}{
			"greeted":                  {conduct{greeting: greets(t, daemonPaths), other: refuses(code, nil)}, &daemonPaths},
			"greeted, pacman's own":    {conduct{greeting: greets(t, own), other: refuses(code, nil)}, &own},
			"refused with the paths":   {conduct{greeting: refuses(code, &daemonPaths), other: breaks}, &daemonPaths},
			"both, the refusal is new": {conduct{greeting: greets(t, own), other: refuses(code, &daemonPaths)}, &daemonPaths},
			"refused without":          {conduct{greeting: refuses(code, nil), other: breaks}, nil},
			"at once with the paths":   {conduct{onConnect: func() []byte { b, _ := refuses(code, &daemonPaths)(0); return b }}, &daemonPaths},
			"at once without":          {conduct{onConnect: func() []byte { b, _ := refuses(code, nil)(0); return b }}, nil},
		} {
			t.Run(fmt.Sprintf("%d/%s", code, name), func(t *testing.T) {
				w, _ := served(t, c.daemon)
				for _, named := range []bool{false, true} {
					for _, question := range kinds["data"] {
						refused(t, w, question, named, code, itsFault, c.known)
					}
				}
			})
		}
	}
}

// refused sends a request to a daemon that refuses it, and checks what the backend does.
func refused(t *testing.T, w *testUser, question string, named bool, code wire.Code, fault bool, known *wire.ServedPaths) {
	t.Helper()
	o := backend.Options{}
	if named {
		o.Socket = w.socket
	}
	err := questions[question](t.Context(), w.backend(o))
	if known == nil && fault && code == wire.CodeNotAllowed && !named {
		known = &wire.ServedPaths{} // the daemon does not accept this user
	}
	switch {
	case fault && known != nil:
		require.ErrorIs(t, err, errBecame)
		require.Equal(t, []wire.ServedPaths{*known}, w.became)
		require.Equal(t, []string{"answering without omgd: a refusal"}, w.notes)
	case fault:
		require.EqualError(t, err, "a refusal")
		var e *exit.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, exit.Failed, e.Code)
		require.Equal(t, hint, e.Hint)
		require.Empty(t, w.became)
		require.Empty(t, w.notes)
	default:
		require.Equal(t, code, wire.CodeOf(err))
		require.Empty(t, w.became)
		require.Empty(t, w.notes)
	}
}

// TestRefusal_Kept checks that requests that only a daemon can answer fail if the daemon refuses them, whatever the
// error code.
func TestRefusal_Kept(t *testing.T) {
	for _, question := range append(slices.Clone(kinds["kept"]), kinds["daemon"]...) {
		for code := wire.CodeNotFound; code <= wire.CodeVersion; code++ {
			w, _ := served(t, conduct{greeting: greets(t, daemonPaths), other: refuses(code, &daemonPaths)})
			err := questions[question](t.Context(), w.backend(backend.Options{}))
			require.Equal(t, code, wire.CodeOf(err), question)
			require.Empty(t, w.became, question)
			require.Empty(t, w.notes, question)
		}
		w, _ := served(t, conduct{greeting: greets(t, daemonPaths), other: breaks})
		require.ErrorIs(t, questions[question](t.Context(), w.backend(backend.Options{})), client.ErrBroken, question)
		require.Empty(t, w.became, question)
		require.Empty(t, w.notes, question)
	}
}

// TestBreak checks that if the daemon ends during a request, omg-direct answers from the databases that the daemon
// reads. If the paths of these databases are unknown, the request fails.
func TestBreak(t *testing.T) {
	for _, question := range kinds["data"] {
		for name, c := range map[string]struct {
			daemon conduct
			known  *wire.ServedPaths
		}{
			"after the greeting":               {conduct{greeting: greets(t, daemonPaths), other: breaks}, &daemonPaths},
			"after the greeting, pacman's own": {conduct{greeting: greets(t, wire.ServedPaths{}), other: breaks}, &wire.ServedPaths{}},
			"before it":                        {conduct{greeting: breaks, other: breaks}, nil},
			"at once":                          {conduct{onConnect: func() []byte { return nil }}, nil},
			"nonsense":                         {conduct{onConnect: func() []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }}, nil},
		} {
			w, _ := served(t, c.daemon)
			for _, named := range []bool{false, true} {
				o := backend.Options{}
				if named {
					o.Socket = w.socket
				}
				err := questions[question](t.Context(), w.backend(o))
				if c.known != nil {
					require.ErrorIs(t, err, errBecame, name)
					require.Equal(t, []wire.ServedPaths{*c.known}, w.became, name)
					require.Equal(t, []string{"answering without omgd: the connection to omgd failed: EOF"}, w.notes, name)
					continue
				}
				require.ErrorIs(t, err, client.ErrBroken, name)
				require.Equal(t, exit.Failed, exit.Code(err))
				var e *exit.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, hint, e.Hint)
				require.Empty(t, w.became, name)
				require.Empty(t, w.notes, name)
			}
		}
	}
}

// TestBreak_Gone checks what happens if the daemon ends during a request and omg cannot connect again. If the daemon's
// greeting has named the databases that the daemon reads, omg-direct answers from them. Otherwise the request fails.
func TestBreak_Gone(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := newTestUser(t)
		gone := func(uint64) ([]byte, bool) {
			_ = os.Remove(w.socket)
			return nil, true
		}
		s := &standIn{how: conduct{greeting: gone, other: breaks}}
		if known {
			s.how = conduct{greeting: greets(t, daemonPaths), other: gone}
		}
		s.start(t, w.socket)
		_, err := w.backend(backend.Options{}).Status(t.Context())
		if known {
			require.ErrorIs(t, err, errBecame)
			require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became)
			continue
		}
		require.ErrorIs(t, err, client.ErrBroken)
		require.Empty(t, w.became)
	}
}

// TestBreak_InTheMiddle checks that omg-direct does not answer after a part of the reply was printed, because
// everything that one command prints must describe one system at one moment.
func TestBreak_InTheMiddle(t *testing.T) {
	first := encoded(t, map[string]any{"packages": []wire.Package{{Repo: "core", Name: "a", Version: "1"}}})
	for _, question := range []string{"search", "info"} {
		passed := make(chan struct{})
		w, s := served(t, conduct{
			greeting: greets(t, daemonPaths), closeAfter: passed,
			other: func(id uint64) ([]byte, bool) { return wire.AppendResult(nil, id, first, true), false },
		})
		b := w.backend(backend.Options{})
		names := []string{}
		err := requests(func(p *wire.Package) error {
			if names = append(names, p.Name); len(names) == 1 {
				close(passed)
			}
			return nil
		})[question](t.Context(), b)
		require.ErrorIs(t, err, client.ErrBroken, question)
		require.Equal(t, []string{"a"}, names, question)
		require.Empty(t, w.became, question)
		require.Empty(t, w.notes, question)
		// A command may send several requests. After a partial answer of the daemon, omg-direct must not answer the
		// following requests of the same command.
		s.behave(conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeBusy, &daemonPaths)})
		_, err = b.Installed(t.Context(), &wire.InstalledRequest{})
		require.Equal(t, wire.CodeBusy, wire.CodeOf(err), question)
		require.Empty(t, w.became, question)
	}
}

// TestBreak_NothingPassed checks that a part of a reply that was received but not printed yet is discarded.
func TestBreak_NothingPassed(t *testing.T) {
	first := encoded(t, map[string]any{"packages": []wire.Package{{Repo: "core", Name: "a", Version: "1"}}})
	for _, question := range []string{"search", "info"} {
		w, _ := served(t, conduct{
			greeting: greets(t, daemonPaths),
			other:    func(id uint64) ([]byte, bool) { return wire.AppendResult(nil, id, first, true), true },
		})
		names := []string{}
		ask := requests(func(p *wire.Package) error {
			names = append(names, p.Name)
			return nil
		})[question]
		err := ask(t.Context(), w.backend(backend.Options{}))
		if len(names) > 0 { // a package was printed before the client noticed that the connection had ended
			require.ErrorIs(t, err, client.ErrBroken)
			require.Empty(t, w.became)
			continue
		}
		require.ErrorIs(t, err, errBecame)
		require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became)
	}
}

// TestAnswered checks that once the daemon has answered a request, omg-direct does not answer later requests that the
// daemon refuses.
func TestAnswered(t *testing.T) {
	w, s := served(t, conduct{greeting: greets(t, daemonPaths), other: result(t, map[string]any{})})
	b := w.backend(backend.Options{})
	_, err := b.Info(t.Context(), &wire.InfoRequest{}, func(*wire.Package) error { return nil }, func() {})
	require.NoError(t, err)
	s.behave(conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeBusy, &daemonPaths)})
	_, err = b.Installed(t.Context(), &wire.InstalledRequest{})
	require.Equal(t, wire.CodeBusy, wire.CodeOf(err))
	require.Empty(t, w.became)
}

// TestEarlierDaemon checks that omg-direct answers if a daemon of an earlier version does not know the operation, or a part of a search.
func TestEarlierDaemon(t *testing.T) {
	earlier := result(t, &wire.HelloResult{Protocol: wire.ProtocolVersion - 2, Server: "earlier", ServedPaths: daemonPaths})
	last := result(t, &wire.HelloResult{Protocol: 4, Server: "last", ServedPaths: daemonPaths})
	w, _ := served(t, conduct{greeting: last, other: result(t, &wire.SearchResult{Total: 1, Packages: []wire.Package{{Name: "a"}}})})
	visited := 0
	visit := func(*wire.Package) error { visited++; return nil }
	_, err := w.backend(backend.Options{}).Search(t.Context(), &wire.SearchRequest{Words: []string{"is:installed"}}, visit, func() {})
	require.ErrorIs(t, err, errBecame)
	require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became)
	require.Contains(t, w.notes[0], "the running omgd last does not understand this search: omg daemon restart")
	require.Zero(t, visited)
	for name, ask := range map[string]func(*Backend) error{
		"owners": func(b *Backend) error {
			_, err := b.RepoOwners(t.Context(), &backend.RepoOwnersRequest{}, nil)
			return err
		},
		"files":   func(b *Backend) error { _, err := b.RepoFiles(t.Context(), &wire.FilesListRequest{}, nil); return err },
		"command": func(b *Backend) error { _, err := b.Command(t.Context(), &wire.CommandRequest{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w, s := served(t, conduct{greeting: earlier, other: refuses(wire.CodeInvalid, &daemonPaths)})
			require.ErrorIs(t, ask(w.backend(backend.Options{})), errBecame)
			require.Len(t, w.became, 1)
			s.behave(conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeInvalid, &daemonPaths)})
			require.Equal(t, wire.CodeInvalid, wire.CodeOf(ask(w.backend(backend.Options{}))), "the request itself is wrong")
			require.Empty(t, w.became)
		})
	}
}

// TestNamed checks that omg-direct reads the files that the command line names, whatever the daemon reads.
func TestNamed(t *testing.T) {
	for _, greeting := range []reply{greets(t, daemonPaths), breaks} {
		w, _ := served(t, conduct{greeting: greeting, other: breaks})
		b := w.backend(backend.Options{Socket: w.socket, DBPath: "/my/db", PacmanConfig: "/my/pacman.conf"})
		_, err := b.Status(t.Context())
		require.ErrorIs(t, err, errBecame)
	}
	w, _ := served(t, conduct{greeting: breaks, other: breaks})
	_, err := w.backend(backend.Options{Socket: w.socket, DBPath: "/my/db"}).Status(t.Context())
	require.ErrorIs(t, err, client.ErrBroken, "whose repositories?")
	require.Empty(t, w.became)
}

// TestFiles checks that omg-direct answers requests that need files, and security with a file of advisories, from the
// databases that the daemon reads. If the paths of these databases are unknown, the requests fail.
func TestFiles(t *testing.T) {
	advisories := backend.Options{AdvisoriesFile: "/avg.json"}
	for _, question := range append(slices.Clone(kinds["files"]), "security") {
		o := backend.Options{}
		if question == "security" {
			o = advisories
		}
		ask := questions[question]

		w, s := served(t, conduct{greeting: greets(t, daemonPaths), other: breaks})
		require.ErrorIs(t, ask(t.Context(), w.backend(o)), errBecame, question)
		require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became, question)
		require.Empty(t, w.notes, question)

		s.behave(conduct{greeting: refuses(wire.CodeBusy, &daemonPaths), other: breaks})
		require.ErrorIs(t, ask(t.Context(), w.backend(o)), errBecame, question)
		require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became, question)
		require.Equal(t, []string{"answering without omgd: a refusal"}, w.notes, question)

		s.behave(conduct{greeting: refuses(wire.CodeBusy, nil), other: breaks})
		err := ask(t.Context(), w.backend(o))
		require.EqualError(t, err, "a refusal", question)
		require.Equal(t, exit.Failed, exit.Code(err), question)
		require.Empty(t, w.became, question)

		s.behave(conduct{greeting: breaks, other: breaks})
		require.ErrorIs(t, ask(t.Context(), w.backend(o)), client.ErrBroken, question)
		require.Empty(t, w.became, question)

		o.DBPath = "/my/db"
		require.ErrorIs(t, ask(t.Context(), w.backend(o)), errBecame, question)
		require.Equal(t, []wire.ServedPaths{{}}, w.became, question)
		require.Empty(t, s.questions(), "the daemon receives only the greeting")
	}
	w, _ := served(t, conduct{greeting: breaks, other: breaks})
	_, err := w.backend(backend.Options{}).Config(t.Context(), false)
	require.ErrorIs(t, err, errBecame, "no question about packages")
}

// TestDoctor checks that omg doctor examines the databases that the daemon reads, if the daemon names them. If the daemon
// does not respond, Doctor returns no error.
func TestDoctor(t *testing.T) {
	w, s := served(t, conduct{greeting: greets(t, daemonPaths), other: breaks})
	for _, c := range []struct {
		greeting reply
		o        backend.Options
		want     wire.ServedPaths
	}{
		{greets(t, daemonPaths), backend.Options{}, daemonPaths},
		{greets(t, daemonPaths), backend.Options{Socket: w.socket}, daemonPaths},
		{refuses(wire.CodeBusy, &daemonPaths), backend.Options{}, daemonPaths},
		{refuses(wire.CodeBusy, nil), backend.Options{Socket: w.socket}, wire.ServedPaths{}},
		{breaks, backend.Options{Socket: w.socket}, wire.ServedPaths{}},
		{greets(t, daemonPaths), backend.Options{DBPath: "/my/db"}, wire.ServedPaths{}},
		{greets(t, daemonPaths), backend.Options{NoDaemon: true}, wire.ServedPaths{}},
	} {
		s.behave(conduct{greeting: c.greeting, other: breaks})
		_, err := w.backend(c.o).Doctor(t.Context())
		require.ErrorIs(t, err, errBecame)
		require.Equal(t, []wire.ServedPaths{c.want}, w.became)
		require.Empty(t, w.notes)
	}
	require.Empty(t, w.unanswered)
	_, err := newTestUser(t).backend(backend.Options{}).Doctor(t.Context())
	require.ErrorIs(t, err, errBecame, "no daemon")
}

// TestUnansweredSocket checks that omg-direct is told which daemon has not answered, and that a missing daemon is none of these.
func TestUnansweredSocket(t *testing.T) {
	silent := func(uint64) ([]byte, bool) { return nil, false }
	w, s := served(t, conduct{greeting: silent, other: silent})
	b := w.backend(backend.Options{})
	b.replyTimeout = time.Millisecond // however slow the machine is, no reply comes
	_, err := b.Doctor(t.Context())
	require.ErrorIs(t, err, errBecame)
	require.Equal(t, w.socket, w.unanswered)

	s.behave(conduct{greeting: greets(t, daemonPaths), other: refuses(wire.CodeNotReady, nil)})
	_, err = w.backend(backend.Options{}).Status(t.Context())
	require.ErrorIs(t, err, errBecame)
	require.Equal(t, w.socket, w.unanswered)

	w = newTestUser(t)
	_, err = w.backend(backend.Options{}).Status(t.Context())
	require.ErrorIs(t, err, errBecame)
	require.Empty(t, w.unanswered)
}

// TestUnansweredSocket_Once checks that omg waits only once for a daemon that does not respond, also where it has two questions: omg aur check
// asks for the findings first, and then for the paths of the databases.
func TestUnansweredSocket_Once(t *testing.T) {
	silent := func(uint64) ([]byte, bool) { return nil, false }
	for name, greeting := range map[string]reply{"silent from the start": silent, "silent after the greeting": greets(t, daemonPaths)} {
		w, s := served(t, conduct{greeting: greeting, other: silent})
		b := w.backend(backend.Options{})
		b.replyTimeout = time.Millisecond // on a slow machine, the greeting may come too late as well
		_, err := b.AURCheck(t.Context(), &backend.AURCheckRequest{})
		require.Error(t, err, name)
		require.Equal(t, w.socket, b.o.UnansweredSocket, name)
		require.Equal(t, 1, s.countConnections(t, w.socket), name)
	}
}

// TestChunks checks that the result contains the elements of all chunks of a reply.
func TestChunks(t *testing.T) {
	w, s := served(t, conduct{greeting: greets(t, daemonPaths)})
	pkg := func(name string) wire.InstalledPackage {
		return wire.InstalledPackage{Package: wire.Package{Repo: "local", Name: name, Version: "1-1"}}
	}
	s.behave(conduct{greeting: greets(t, daemonPaths), other: result(t,
		wire.InstalledResult{Basis: wire.Basis{Generation: 7, Partial: true}, Packages: []wire.InstalledPackage{pkg("a"), pkg("b")}, Missing: []string{"z"}},
		map[string]any{"packages": []wire.InstalledPackage{pkg("c")}},
	)})
	installed, err := w.backend(backend.Options{}).Installed(t.Context(), &wire.InstalledRequest{})
	require.NoError(t, err)
	require.Equal(t, &wire.InstalledResult{
		Basis: wire.Basis{Generation: 7, Partial: true}, Packages: []wire.InstalledPackage{pkg("a"), pkg("b"), pkg("c")}, Missing: []string{"z"},
	}, installed)

	vulnerable := func(name string, advisories ...string) (p wire.VulnerablePackage) {
		p.Name = name
		for _, a := range advisories {
			p.Advisories = append(p.Advisories, wire.Advisory{Name: a})
		}
		return p
	}
	s.behave(conduct{greeting: greets(t, daemonPaths), other: result(t,
		wire.SecurityResult{Basis: wire.Basis{Generation: 7}, Packages: []wire.VulnerablePackage{vulnerable("ssl", "AVG-1", "AVG-2")}},
		map[string]any{"packages": []wire.VulnerablePackage{vulnerable("ssl", "AVG-3"), vulnerable("old", "AVG-4")}},
	)})
	security, err := w.backend(backend.Options{}).Security(t.Context(), &wire.SecurityRequest{})
	require.NoError(t, err)
	require.Equal(t, []wire.VulnerablePackage{vulnerable("ssl", "AVG-1", "AVG-2", "AVG-3"), vulnerable("old", "AVG-4")}, security.Packages)

	found := func(name string) map[string]any {
		return map[string]any{"packages": []wire.Package{{Repo: "core", Name: name, Version: "1"}}}
	}
	first := found("a")
	first["generation"], first["sources"] = 7, []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK}}
	last := found("b")
	last["total"], last["sources"] = 2, []wire.Source{{Name: "aur", Kind: wire.KindAUR, State: wire.SourceOK}}
	s.behave(conduct{greeting: greets(t, daemonPaths), other: result(t, first, last)})
	var names []string
	search, err := w.backend(backend.Options{}).Search(t.Context(), &wire.SearchRequest{}, func(p *wire.Package) error {
		names = append(names, p.Name)
		return nil
	}, func() {})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names)
	require.EqualValues(t, 7, search.Generation)
	require.EqualValues(t, 2, search.Total)
	require.Len(t, search.Sources, 2)
}

// TestSocketOfOthers checks that omg behaves as if no daemon ran if the default socket does not belong to a daemon for this
// user. If the user named such a socket, omg reports an error.
func TestSocketOfOthers(t *testing.T) {
	get := func(string) string { return "" }
	b := func(o backend.Options) *Backend {
		return &Backend{o: o, env: paths.Env{Root: t.TempDir(), Getenv: get}}
	}
	strange := []error{
		fmt.Errorf("x: %w (user 7)", client.ErrUntrusted), fmt.Errorf("x: %w", client.ErrNotSocket),
		&os.PathError{Op: "connect", Path: "x", Err: fs.ErrPermission}, wire.Errorf(wire.CodeNotAllowed, "no"),
	}
	for _, err := range strange {
		require.True(t, b(backend.Options{}).meansNoDaemon(err), err)
		require.False(t, b(backend.Options{Socket: "/x"}).meansNoDaemon(err), err)
	}
	for _, err := range []error{client.ErrBroken, os.ErrDeadlineExceeded, wire.Errorf(wire.CodeBusy, "no"), errors.New("x")} {
		require.False(t, b(backend.Options{}).meansNoDaemon(err), err)
	}
	get = func(name string) string { return map[string]string{"OMG_SOCKET_PATH": "/x"}[name] }
	for _, err := range strange {
		require.False(t, b(backend.Options{}).meansNoDaemon(err), err)
	}
	// A regular file is at the path of the user's socket.
	w := newTestUser(t)
	require.NoError(t, os.WriteFile(w.socket, nil, 0o600))
	_, err := w.backend(backend.Options{}).Status(t.Context())
	require.ErrorIs(t, err, errBecame)
	require.Equal(t, []string{"answering without omgd: " + w.socket + ": not a socket"}, w.notes)
	_, err = w.backend(backend.Options{Socket: w.socket}).Status(t.Context())
	require.ErrorIs(t, err, client.ErrNotSocket)
	require.Empty(t, w.became)
}
