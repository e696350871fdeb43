// Package session answers the requests of a process that keeps running and sends many. It asks omgd as package remote does, but keeps its
// connections. Without a daemon, it answers in the process through package direct, which keeps what it has read. All answers of a session
// are about one system, also if omgd ends meanwhile and is started again.
package session

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/direct"
	"github.com/omg-arch/omg/omg/internal/remote"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// Session is a backend that is safe for concurrent use. It writes nothing to a terminal. A call whose context ends returns soon, and does
// not delay other calls. The method Watch replaces that of the backend.
type Session struct {
	backend.Backend
	options backend.Options
	conns   *connections
	note    func(line string)
	// filesChanged has a value after the files have changed and were read again.
	filesChanged chan struct{}

	mu           sync.Mutex
	socket       string            // the socket of the only daemon that may answer; empty before one has answered
	servedPaths  *wire.ServedPaths // the databases of this session; nil before the first answer
	kept         *direct.Kept      // what was read without a daemon; nil before the first answer without one
	printedNotes map[string]bool
	isClosed     bool
}

// Open returns a session, which must be closed. Options.PrintNote gets each note once, and again only after omgd has answered. It can be
// called by any goroutine.
func Open(o backend.Options) *Session {
	s := &Session{options: o, conns: newConnections(), note: o.PrintNote, filesChanged: make(chan struct{}, 1), printedNotes: map[string]bool{}}
	s.options.PrintNote = s.printNote
	s.Backend = answerer{s}
	return s
}

// Close closes the connections and the files as soon as no request uses them.
func (s *Session) Close() {
	s.mu.Lock()
	kept := s.kept
	s.kept, s.isClosed = nil, true
	s.mu.Unlock()
	s.conns.close()
	if kept != nil {
		kept.Close()
	}
}

// errClosed is the error of a request after Close.
var errClosed = errors.New("the session is closed")

// ask sends a request to omgd or, if it cannot answer, answers from the files that it reads.
func ask[R any](s *Session, question func(backend.Backend) (R, error)) (R, error) {
	h := s.host()
	h.Connect, h.Release = s.connect, s.conns.release
	result, err := question(remote.OpenIn(h, s.options))
	without := new(withoutDaemon)
	if !errors.As(err, &without) {
		if err == nil {
			s.forgetNotes()
		}
		return result, err
	}
	kept, err := s.keep()
	if err != nil {
		return result, err
	}
	return question(kept.Backend(without.options))
}

// withoutDaemon is the error of package remote for a request that is answered without omgd.
type withoutDaemon struct{ options backend.Options }

func (*withoutDaemon) Error() string { return "omgd does not answer this request" }

// host returns the host of a request, without the functions that connect.
func (s *Session) host() remote.Host {
	s.mu.Lock()
	defer s.mu.Unlock()
	return remote.Host{
		Socket: s.socket, ServedPaths: s.servedPaths,
		SwitchToDirect: func(o backend.Options, served wire.ServedPaths) error {
			return &withoutDaemon{o.WithServedPaths(s.chooseDatabases(served))}
		},
	}
}

// connect returns a connection for one request.
func (s *Session) connect(ctx context.Context, socket string, o client.Options) (*client.Conn, error) {
	o.Interruptible, o.CheckGreeting = true, s.greetingCheck(socket)
	return s.conns.get(ctx, socket, o)
}

// greetingCheck returns the function that checks the greeting of the daemon at a socket: it must read the databases of this session.
func (s *Session) greetingCheck(socket string) func(*wire.HelloResult) error {
	return func(hello *wire.HelloResult) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.servedPaths == nil {
			s.servedPaths = &hello.ServedPaths
		}
		if now, want := s.options.WithServedPaths(hello.ServedPaths), s.options.WithServedPaths(*s.servedPaths); now.DBPath != want.DBPath || now.PacmanConfig != want.PacmanConfig {
			return fmt.Errorf("omgd (%s) reads other databases than before", socket)
		}
		s.socket = socket
		return nil
	}
}

// chooseDatabases returns the databases of this session: those that were chosen earlier, or otherwise the given ones.
func (s *Session) chooseDatabases(served wire.ServedPaths) wire.ServedPaths {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servedPaths == nil {
		s.servedPaths = &served
	}
	return *s.servedPaths
}

// keep returns what is kept for answers without the daemon.
func (s *Session) keep() (*direct.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return nil, errClosed
	}
	if s.kept == nil {
		s.kept = direct.Keep(s.options.WithServedPaths(*s.servedPaths), s.signalFilesChanged)
	}
	return s.kept, nil
}

func (s *Session) signalFilesChanged() {
	select {
	case s.filesChanged <- struct{}{}:
	default:
	}
}

// maxNotes limits how many different notes are remembered.
const maxNotes = 64

// printNote passes a note on, unless it was passed on before.
func (s *Session) printNote(line string) {
	s.mu.Lock()
	isNew := !s.printedNotes[line]
	if len(s.printedNotes) >= maxNotes {
		clear(s.printedNotes)
	}
	s.printedNotes[line] = true
	s.mu.Unlock()
	if isNew && s.note != nil {
		s.note(line)
	}
}

// forgetNotes lets notes be printed again: omgd has answered.
func (s *Session) forgetNotes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.printedNotes)
}
