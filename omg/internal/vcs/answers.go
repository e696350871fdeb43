package vcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/userfile"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

const (
	answersName = "vcs.json"
	lockName    = "vcs.lock"
	// schema is the version of the file's format. A file of another version counts as empty.
	schema = 1
	// maxAnswersSize is the maximum size of the file in bytes, and maxAnswers the maximum number of answers in it: the last ones.
	maxAnswersSize = 4 << 20
	maxAnswers     = 1000
	// MinInterval is the time during which an answer is used again, also if it is an error.
	MinInterval = 10 * time.Minute
	// MaxQuestions is the maximum number of sources that one call of Ask asks for, and parallelQuestions the number at a time.
	MaxQuestions      = 200
	parallelQuestions = 4
	// askTimeout limits the time of one call of Ask.
	askTimeout = 2 * time.Minute
	// maxWhyBytes limits the text of an error that is kept.
	maxWhyBytes = 300
)

// Answer is what the server of a source has answered.
type Answer struct {
	URL    string `json:"url"`
	Branch string `json:"branch"`
	// Commit is the latest commit; empty if it is unknown, then Why is the reason.
	Commit string    `json:"commit,omitempty"`
	Why    string    `json:"why,omitempty"`
	At     time.Time `json:"at"`
}

// answersDocument is the content of the file with answers.
type answersDocument struct {
	Schema  int      `json:"schema"`
	Answers []Answer `json:"answers"`
}

// Asker asks the servers of sources, and keeps the answers in the user's cache directory.
type Asker struct {
	// Env is the environment of the user. Proxy is the setting network.proxy.
	Env   paths.Env
	Proxy string
	// NetworkTimeout is the setting network.timeout. A question may take half of it: git does not say when a server begins its response.
	NetworkTimeout time.Duration

	now    func() time.Time
	latest func(context.Context, Source) (string, error)
}

// errBusy means that another process of the user is asking.
var errBusy = errors.New("another omg is asking: try again when it has finished")

// Ask returns the answers about sources. It asks no server whose answer is younger than MinInterval, and at most MaxQuestions in all. If
// the answers cannot be kept, Ask asks nobody and returns an error, because it could ask too often.
func (a *Asker) Ask(ctx context.Context, sources []Source) (map[Source]Answer, error) {
	dir := a.Env.CacheHome()
	if dir == "" {
		return nil, errors.New("neither XDG_CACHE_HOME nor HOME is an absolute path")
	}
	dir = filepath.Join(dir, "omg")
	unlock, err := a.lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	file := userfile.At(a.Env, filepath.Join(dir, answersName), maxAnswersSize)
	kept, err := readAnswers(file)
	if err != nil {
		return nil, err
	}
	if a.now == nil {
		a.now = time.Now
	}
	answers := map[Source]Answer{}
	for _, answer := range kept {
		if age := a.now().Sub(answer.At); age >= 0 && age < MinInterval {
			answers[Source{answer.URL, answer.Branch}] = answer
		}
	}
	var open []Source
	for _, s := range sources {
		if _, known := answers[s]; !known && !slices.Contains(open, s) {
			open = append(open, s)
		}
	}
	if len(open) == 0 {
		return answers, nil
	}
	if a.latest == nil {
		g, err := newGit(a.Env, a.Proxy)
		if err != nil {
			return nil, err
		}
		a.latest = g.latest
	}
	a.askAll(ctx, open, answers)
	return answers, errors.Join(ctx.Err(), writeAnswers(file, kept, answers))
}

// askAll asks for all sources in open and adds the answers.
func (a *Asker) askAll(ctx context.Context, open []Source, answers map[Source]Answer) {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var mu sync.Mutex
	var running sync.WaitGroup
	places := make(chan struct{}, parallelQuestions)
	for _, s := range open[:min(len(open), MaxQuestions)] {
		places <- struct{}{}
		if limited.Err() != nil { // what was not asked has no answer, and can be asked again at once
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			question, cancel := context.WithTimeout(limited, a.NetworkTimeout/2)
			defer cancel()
			commit, err := a.latest(question, s)
			if ctx.Err() != nil { // the user has ended omg
				return
			}
			answer := Answer{URL: s.URL, Branch: s.Branch, Commit: commit, At: a.now().UTC().Truncate(time.Second)}
			if err != nil {
				why := err.Error()
				answer.Why = strings.ToValidUTF8(why[:min(len(why), maxWhyBytes)], "")
			}
			mu.Lock()
			defer mu.Unlock()
			answers[s] = answer
		})
	}
	running.Wait()
}

// lock prevents other processes from asking at the same time. It creates the directory dir.
func (a *Asker) lock(dir string) (unlock func(), err error) {
	if err := a.Env.CheckRootWrites(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0o600)
	if err != nil {
		return nil, err
	}
	lock, err := atomicfile.LockFile(file, path, errBusy)
	switch {
	case errors.Is(err, errBusy):
		return nil, errBusy
	case err != nil:
		return nil, fmt.Errorf("cannot %w", err)
	}
	return func() { _ = lock.Close() }, nil
}

// readAnswers returns the kept answers. A damaged file has none.
func readAnswers(file *userfile.File) ([]Answer, error) {
	var d answersDocument
	exists, err := file.Read(&d)
	if errors.Is(err, userfile.ErrContent) {
		return nil, nil
	}
	if err != nil || !exists || d.Schema != schema {
		return nil, err
	}
	return d.Answers[:min(len(d.Answers), maxAnswers)], nil
}

// writeAnswers replaces the file by one with the earlier answers and the new ones. The oldest are left out if there are too many.
func writeAnswers(file *userfile.File, earlier []Answer, answers map[Source]Answer) error {
	d := answersDocument{Schema: schema, Answers: slices.Collect(maps.Values(answers))}
	for _, answer := range earlier {
		if _, isReplaced := answers[Source{answer.URL, answer.Branch}]; !isReplaced {
			d.Answers = append(d.Answers, answer)
		}
	}
	slices.SortFunc(d.Answers, func(x, y Answer) int {
		return cmp.Or(y.At.Compare(x.At), cmp.Compare(x.URL, y.URL), cmp.Compare(x.Branch, y.Branch))
	})
	d.Answers = d.Answers[:min(len(d.Answers), maxAnswers)]
	for {
		if err := file.Write(d); !errors.Is(err, userfile.ErrTooLarge) {
			return err
		}
		d.Answers = d.Answers[:len(d.Answers)/2]
	}
}
