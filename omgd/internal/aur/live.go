package aur

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/sony/gobreaker/v2"
	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/wire"
)

var (
	errNotAsked = errors.New("the AUR is not asked")
	errBudget   = errors.New("the AUR was asked as often as aur.live.daily allows")
)

const (
	// freshFor is how long an answer is given again without asking.
	freshFor = 5 * time.Minute
	// maxMemory is the most bytes of answers in memory.
	maxMemory = 4 << 20
	// atOnce is how many questions are under way at the same time.
	atOnce = 4
	// patience is how many deadlines long a request may take: who asked has gone by
	// then, and finds the answer when he asks again.
	patience = 5
	// strikes is after how many failures one after the other nothing is asked for a
	// while, restFor how many deadlines long that is.
	strikes = 3
	restFor = 5
)

// live asks while someone waits: the same question once at a time, no more than a
// number a day, and not at all for a while when the AUR has failed.
type live struct {
	*AUR
	ctx     context.Context // of requests
	end     context.CancelFunc
	asking  singleflight.Group
	running sync.WaitGroup
	slots   chan struct{}
	memory  *otter.Cache[string, *answer]
	breaker *gobreaker.CircuitBreaker[*answer]
	tokens  *rate.Limiter
	after   atomic.Int64 // not before, in Unix nanoseconds, as the AUR asked for

	mu    sync.Mutex // of ended and its order with running
	ended bool
}

func newLive(a *AUR) *live {
	l := &live{AUR: a, slots: make(chan struct{}, atOnce)}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.memory = otter.Must(&otter.Options[string, *answer]{
		MaximumWeight: maxMemory,
		Weigher:       func(key string, a *answer) uint32 { return uint32(len(key) + len(a.data) + 256) },
	})
	l.breaker = gobreaker.NewCircuitBreaker[*answer](gobreaker.Settings{
		Timeout:      restFor * time.Duration(a.Live.Deadline),
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= strikes },
		IsSuccessful: func(err error) bool { return err == nil || !theirs(err) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			a.Log.Info("live questions to the AUR", "breaker", to.String())
		},
	})
	l.tokens = rate.NewLimiter(rate.Limit(float64(a.Live.Daily)/(24*time.Hour).Seconds()), a.burst())
	l.recallSpent()
	return l
}

// burst is how many questions may be asked one right after the other: a tenth of a
// day's. Within 24 hours no more than Daily and this are asked.
func (a *AUR) burst() int { return (a.Live.Daily + 9) / 10 }

// theirs says that an error is the AUR's or the network's: that it did not answer
// a question as it should.
func theirs(err error) bool {
	return !errors.Is(err, ErrTooMany) && !errors.Is(err, ErrTooShort) && !errors.Is(err, errBudget) &&
		!errors.Is(err, errNotAsked) && !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, context.Canceled)
}

// close ends what is under way and waits for it.
func (l *live) close() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.end()
	l.running.Wait()
	l.memory.StopAllGoroutines()
}

// begin notes that a request is under way; false after close.
func (l *live) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.running.Add(1)
	}
	return !l.ended
}

// Search asks the AUR for the packages that can match a search; the asker looks
// which of them do. It takes no longer than the deadline.
func (a *AUR) Search(ctx context.Context, r *wire.SearchRequest) answers.FromAUR {
	q, err := asked(r)
	if err != nil {
		return answers.FromAUR{Source: missing(err)}
	}
	return a.live.within(ctx, q)
}

// Info asks the AUR for packages by name. It takes no longer than the deadline.
func (a *AUR) Info(ctx context.Context, names []string) answers.FromAUR {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !nameable(name) })
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return a.nothing()
	case len(names) > batch:
		return answers.FromAUR{Source: missing(fmt.Errorf("%w about more than %d names at once", errNotAsked, batch))}
	}
	return a.live.within(ctx, informing(names))
}

// nothing is the answer to no question.
func (a *AUR) nothing() answers.FromAUR {
	now := time.Now()
	empty, err := newAnswer(nil, now)
	if err != nil {
		return answers.FromAUR{Source: missing(err)}
	}
	return answers.FromAUR{Packages: empty.file, Source: wire.Source{Name: wire.SourceAUR, State: wire.SourceOK, AsOf: now.Unix(), Changed: now.Unix()}}
}

func missing(err error) wire.Source {
	return wire.Source{Name: wire.SourceAUR, State: wire.SourceMissing, Why: Why(err)}
}

// asked is what to ask the AUR for a search: the most telling of its words, since
// the AUR takes one. What it answers has all that the search finds, unless a word
// is only in what the answer to a search does not show.
func asked(r *wire.SearchRequest) (question, error) {
	if r.Regex {
		return question{}, fmt.Errorf("%w about expressions", errNotAsked)
	}
	var best question
	exact := 0
	for _, word := range r.Words {
		field, value, ok := strings.Cut(word, ":")
		by := ""
		if ok {
			switch field {
			case "name":
				by = "name"
			case "desc":
				by = "name-desc"
			case "provides", "depends":
				by = field
			case "group":
				by = "groups"
			case "maint":
				by = "maintainer"
			case "keyword":
				by = "keywords"
			case "repo":
				continue
			}
		}
		if by == "" {
			value, by = word, "name-desc"
			if r.NameOnly {
				by = "name"
			}
		}
		q := searching(by, value)
		if by != "name" && by != "name-desc" {
			// The answer shows none of these fields but the maintainer.
			if by != "maintainer" {
				exact++
			}
			if exact > 1 {
				return question{}, fmt.Errorf("%w about two fields at once", errNotAsked)
			}
			if exact == 1 && by == "maintainer" {
				continue
			}
			best = q
			continue
		}
		part := best.by == "" || best.by == "name" || best.by == "name-desc"
		if part && len(value) > len(best.value) {
			best = q
		}
	}
	switch {
	case best.by == "":
		return question{}, fmt.Errorf("%w for all that it has", errNotAsked)
	case len([]rune(best.value)) < 2 && (best.by == "name" || best.by == "name-desc"):
		return question{}, ErrTooShort
	case len(best.value) > maxName:
		return question{}, fmt.Errorf("%w about words of more than %d bytes", errNotAsked, maxName)
	}
	return best, nil
}

// within answers a question from memory, or by asking, or with what was said
// before.
func (l *live) within(ctx context.Context, q question) answers.FromAUR {
	kept, _ := l.memory.GetIfPresent(q.path)
	if kept != nil && time.Since(kept.at) < freshFor {
		return kept.fresh()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.Live.Deadline))
	defer cancel()
	got, err := l.once(ctx, q)
	if err == nil {
		return got.fresh()
	}
	if kept == nil {
		kept = l.recall(q.path)
	}
	if kept == nil {
		return answers.FromAUR{Source: missing(err)}
	}
	old := kept.fresh()
	old.Source.State = wire.SourceStale
	old.Source.Why = Why(err) + "; what it said is " + ago(time.Since(kept.at))
	return old
}

func (a *answer) fresh() answers.FromAUR {
	return answers.FromAUR{Packages: a.file, Source: wire.Source{
		Name: wire.SourceAUR, State: wire.SourceOK, AsOf: a.at.Unix(), Changed: a.at.Unix(),
	}}
}

// once asks, or waits for the answer that another one has asked for.
func (l *live) once(ctx context.Context, q question) (*answer, error) {
	result := l.asking.DoChan(q.path, func() (any, error) {
		if !l.begin() {
			return nil, context.Canceled
		}
		defer l.running.Done()
		if err := l.paused(); err != nil {
			return nil, err
		}
		return l.breaker.Execute(func() (*answer, error) { return l.request(q) })
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*answer), nil
	}
}

// paused is the error of a question during a pause that the AUR asked for. It is
// not asked then, so that the breaker counts no failure.
func (l *live) paused() error {
	if time.Now().UnixNano() < l.after.Load() {
		return gobreaker.ErrOpenState
	}
	return nil
}

// request asks and remembers. What it panics with is its error: nobody else
// recovers a goroutine of singleflight's.
func (l *live) request(q question) (got *answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.Log.Error("a question to the AUR panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrAnswer, p)
		}
	}()
	total := patience * time.Duration(l.Live.Deadline)
	ctx, cancel := context.WithTimeout(l.ctx, total)
	defer cancel()
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := l.paused(); err != nil {
		return nil, err // another question's answer asked for it meanwhile
	}
	switch {
	case !l.Live.Enabled:
		return nil, fmt.Errorf("%w live (aur.live.enabled)", errNotAsked)
	case !l.tokens.Allow():
		return nil, errBudget
	}
	l.noteSpent()
	packages, err := l.ask(ctx, q, total)
	var refused *fetch.StatusError
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		l.after.Store(time.Now().Add(refused.RetryAfter).UnixNano())
	}
	if err != nil {
		if theirs(err) {
			l.Log.Warn("the AUR did not answer", "err", err)
		}
		return nil, err
	}
	if got, err = newAnswer(packages, time.Now()); err != nil {
		return nil, err
	}
	l.memory.Set(q.path, got)
	l.remember(q.path, got)
	return got, nil
}

// keySpent is where the store has how many questions are left, so that a daemon
// that starts over and over asks no more than one that runs on.
const keySpent = "spent"

func (l *live) noteSpent() {
	now := time.Now()
	value, err := msgpack.Marshal(l.tokens.TokensAt(now))
	if err == nil {
		err = l.Store.Put(bucket, keySpent, value, now)
	}
	if err != nil {
		l.Log.Warn("what was asked of the AUR is not remembered", "err", err)
	}
}

func (l *live) recallSpent() {
	value, at, ok := l.Store.Get(bucket, keySpent)
	var left float64
	if !ok || at.After(time.Now()) || msgpack.Unmarshal(value, &left) != nil {
		return
	}
	if spent := l.tokens.Burst() - int(left); spent > 0 && spent <= l.tokens.Burst() {
		l.tokens.AllowN(at, spent)
	}
}
