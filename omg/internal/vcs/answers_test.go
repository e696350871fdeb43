package vcs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/userfile"
	"github.com/omg-arch/omg/shared/paths"
)

// fakeGit answers with a commit, and counts the questions.
type fakeGit struct {
	mu       sync.Mutex
	asked    []Source
	running  int
	parallel int // the maximum of running
	answer   func(ctx context.Context, s Source) (string, error)
}

func (g *fakeGit) latest(ctx context.Context, s Source) (string, error) {
	g.mu.Lock()
	g.asked = append(g.asked, s)
	g.running++
	g.parallel = max(g.parallel, g.running)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.running--
	}()
	if g.answer != nil {
		return g.answer(ctx, s)
	}
	return oneCommit, nil
}

// questionTimeout limits the time of a question in these tests.
const questionTimeout = 15 * time.Second

func (g *fakeGit) asker(env paths.Env) *Asker {
	return &Asker{Env: env, NetworkTimeout: 2 * questionTimeout, latest: g.latest}
}

func someSources(n int) (list []Source) {
	for i := range n {
		list = append(list, Source{fmt.Sprintf("https://example.org/%d", i), "HEAD"})
	}
	return list
}

func TestAsker_KeepsAnswers(t *testing.T) {
	env, home := newUser(t)
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGit{}
		sources := someSources(2)
		ask := func(want int) map[Source]Answer {
			t.Helper()
			g.asked = nil
			answers, err := g.asker(env).Ask(t.Context(), append(sources, sources[0]))
			require.NoError(t, err)
			require.Len(t, g.asked, want)
			require.Len(t, answers, 2)
			return answers
		}
		require.Equal(t, oneCommit, ask(2)[sources[0]].Commit)
		time.Sleep(MinInterval - time.Second)
		ask(0)
		time.Sleep(time.Second)
		g.answer = func(context.Context, Source) (string, error) { return "", errors.New("no such host \x1b[2J") }
		require.Equal(t, "no such host \x1b[2J", ask(2)[sources[1]].Why)
		require.Empty(t, ask(0)[sources[1]].Commit, "an error is kept too")
		// An answer from the future, after the clock was set back, is not used.
		g.answer = nil
		asker := g.asker(env)
		asker.now = func() time.Time { return time.Now().Add(-time.Hour) }
		answers, err := asker.Ask(t.Context(), sources)
		require.NoError(t, err)
		require.Equal(t, oneCommit, answers[sources[0]].Commit)
	})
	fi, err := os.Stat(filepath.Join(home, ".cache/omg/vcs.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode())
}

func TestAsker_Limits(t *testing.T) {
	env, _ := newUser(t)
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGit{answer: func(ctx context.Context, s Source) (string, error) {
			time.Sleep(time.Second)
			return oneCommit, nil
		}}
		answers, err := g.asker(env).Ask(t.Context(), someSources(MaxQuestions+10))
		require.NoError(t, err)
		require.Len(t, answers, MaxQuestions)
		require.Equal(t, parallelQuestions, g.parallel)

		// Silent servers: each question ends after its time, and all after theirs.
		time.Sleep(MinInterval)
		g = &fakeGit{answer: func(ctx context.Context, s Source) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}}
		began := time.Now()
		answers, err = g.asker(env).Ask(t.Context(), someSources(MaxQuestions))
		require.NoError(t, err)
		require.Equal(t, askTimeout, time.Since(began))
		rounds := int(askTimeout / questionTimeout) // another one may begin just when the time is over
		require.GreaterOrEqual(t, len(answers), rounds*parallelQuestions)
		require.LessOrEqual(t, len(answers), (rounds+1)*parallelQuestions)
	})
}

func TestAsker_Interrupted(t *testing.T) {
	env, _ := newUser(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := &fakeGit{answer: func(ctx context.Context, s Source) (string, error) {
		if s.URL == "https://example.org/0" {
			return oneCommit, nil
		}
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}}
	_, err := g.asker(env).Ask(ctx, someSources(1))
	require.NoError(t, err)
	_, err = g.asker(env).Ask(ctx, someSources(3))
	require.ErrorIs(t, err, context.Canceled)
	next := &fakeGit{}
	_, err = next.asker(env).Ask(t.Context(), someSources(3))
	require.NoError(t, err)
	require.Len(t, next.asked, 2, "what was interrupted counts as not asked")
}

func TestAsker_Busy(t *testing.T) {
	env, _ := newUser(t)
	g := &fakeGit{answer: func(context.Context, Source) (string, error) {
		_, err := (&fakeGit{}).asker(env).Ask(t.Context(), someSources(1))
		return "", err
	}}
	answers, err := g.asker(env).Ask(t.Context(), someSources(1))
	require.NoError(t, err)
	require.Equal(t, errBusy.Error(), answers[someSources(1)[0]].Why)
}

func TestAsker_File(t *testing.T) {
	env, home := newUser(t)
	path := filepath.Join(home, ".cache/omg/vcs.json")
	g := &fakeGit{}
	for _, text := range []string{"", "x", `{"schema": 2}`, `{"schema": 1, "answers": null}`} {
		write(t, path, text)
		answers, err := g.asker(env).Ask(t.Context(), someSources(1))
		require.NoError(t, err, text)
		require.Len(t, answers, 1)
	}
	// More answers than fit: the oldest are left out.
	long := strings.Repeat(`\u0001`, maxWhyBytes)
	var b strings.Builder
	for i := range maxAnswers + 5 {
		fmt.Fprintf(&b, `,{"url":"https://example.org/old/%d","branch":"HEAD","why":"%s","at":"2020-01-01T00:00:00Z"}`, i, long)
	}
	write(t, path, `{"schema": 1, "answers": [`+b.String()[1:]+"]}")
	_, err := g.asker(env).Ask(t.Context(), someSources(3))
	require.NoError(t, err)
	kept, err := readAnswers(userfile.At(env, path, maxAnswersSize))
	require.NoError(t, err)
	require.Len(t, kept, maxAnswers)
	require.Equal(t, someSources(1)[0].URL, kept[0].URL)
	// A file of another user, or a link, is an error, and nobody is asked.
	g.asked = nil
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = g.asker(env).Ask(t.Context(), someSources(1))
	require.ErrorIs(t, err, paths.ErrUntrusted)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("/dev/null", path))
	_, err = g.asker(env).Ask(t.Context(), someSources(1))
	require.Error(t, err)
	_, err = (&Asker{Env: paths.Env{Getenv: func(string) string { return "" }}, latest: g.latest}).Ask(t.Context(), someSources(1))
	require.ErrorContains(t, err, "XDG_CACHE_HOME")
	require.Empty(t, g.asked)
}
