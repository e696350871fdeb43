package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Dial connects to the servers with an option for the credentials.
type Dial func(credentials nats.Option) (*nats.Conn, error)

// answerTime is how long the answers of all servers are waited for.
const answerTime = 10 * time.Second

// PushAccount sends the servers' own account and the account of the fleet to all servers. A server then ends the connections of revoked keys. It
// returns the names of the servers that have taken the account of the fleet, and of those that have not answered: they get it from the others when
// they run again.
func (a *Authority) PushAccount(ctx context.Context, dial Dial) (taken, silent []string, err error) {
	creds, err := a.System()
	if err != nil {
		return nil, nil, err
	}
	conn, err := dial(creds.Option())
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	var all []string
	for _, s := range slices.Concat(a.settings.Servers, a.settings.Leaves) {
		all = append(all, s.Name())
	}
	var pushing sync.WaitGroup // at the same time, so that a server that is away is waited for once
	var systemErr error
	pushing.Go(func() { _, systemErr = push(ctx, conn, a.systemJWT, all) })
	taken, err = push(ctx, conn, a.accountJWT, all)
	pushing.Wait()
	if err := errors.Join(systemErr, err); err != nil {
		return nil, nil, err
	}
	for _, name := range all {
		if !slices.Contains(taken, name) {
			silent = append(silent, name)
		}
	}
	if len(taken) == 0 {
		err = fmt.Errorf("no server has taken the account within %s", answerTime)
	}
	return taken, silent, err
}

// push sends an account to all servers, and returns the names of those that have taken it.
func push(ctx context.Context, conn *nats.Conn, account string, all []string) (taken []string, err error) {
	for answer, err := range Ask(ctx, conn, UpdateAccount, []byte(account), answerTime, len(all)+1) { // a leaf node that is revoked may answer, too
		if err != nil {
			return nil, err
		}
		var status struct {
			Server struct {
				Name string `json:"name"`
			} `json:"server"`
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if err := json.Unmarshal(answer, &status); err != nil {
			return nil, fmt.Errorf("the answer of a server about the account: %w", err)
		}
		if status.Error != nil {
			return nil, fmt.Errorf("%s does not take the account: %s", status.Server.Name, status.Error.Description)
		}
		if slices.Contains(all, status.Server.Name) {
			taken = append(taken, status.Server.Name)
		}
		if len(taken) == len(all) {
			break
		}
	}
	return taken, nil
}

// Ask sends a request to all servers, and returns the answers until there are as many as expected, or the time is over.
func Ask(ctx context.Context, conn *nats.Conn, to string, request []byte, limit time.Duration, expected int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		inbox := conn.NewRespInbox()
		sub, err := conn.SubscribeSync(inbox)
		if err == nil {
			defer func() { _ = sub.Unsubscribe() }()
			err = conn.PublishRequest(to, inbox, request)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		for range expected {
			m, err := sub.NextMsgWithContext(limited)
			switch {
			case err == nil:
				if !yield(m.Data, nil) {
					return
				}
			case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
				return
			default:
				yield(nil, err)
				return
			}
		}
	}
}

// Manage connects for making the streams and writing the roster.
func (a *Authority) Manage(dial Dial) (*nats.Conn, jetstream.JetStream, error) {
	creds, err := a.Manager()
	if err != nil {
		return nil, nil, err
	}
	conn, err := dial(creds.Option())
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, js, nil
}
