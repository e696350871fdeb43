package vcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omg-arch/omg/shared/paths"
)

const (
	// maxURLBytes and maxBranchBytes limit what is passed to git.
	maxURLBytes    = 2000
	maxBranchBytes = 250
	// maxReplyBytes limits git's output about one source. A server sends only the requested branch, if it is not an old one.
	maxReplyBytes = 1 << 20
	maxErrorBytes = 4 << 10
	// stopTimeout is the time that the output of a killed git may take to end.
	stopTimeout = 5 * time.Second
)

// Refusal returns the reason why a source is not passed to git; empty if it is.
func (s Source) Refusal() string {
	scheme, _, ok := strings.Cut(s.URL, "://")
	if !ok || scheme != "https" {
		return "only https addresses are asked"
	}
	isOdd := func(r rune) bool { return r <= ' ' || r > '~' }
	u, err := url.Parse(s.URL)
	switch {
	case err != nil, len(s.URL) > maxURLBytes, strings.ContainsFunc(s.URL, isOdd), u.Hostname() == "", strings.HasPrefix(u.Host, "-"):
		return "the address is malformed"
	case u.User != nil:
		return "the address has a user name or a password"
	case len(s.Branch) > maxBranchBytes, s.Branch == "", strings.ContainsFunc(s.Branch, isOdd), strings.ContainsAny(s.Branch, `*?[\^~:`),
		strings.HasPrefix(s.Branch, "-"):
		return "the name of the branch is malformed"
	}
	return ""
}

// ref returns the full name of the branch.
func (s Source) ref() string {
	if s.Branch == head {
		return head
	}
	return "refs/heads/" + s.Branch
}

// git runs git ls-remote.
type git struct {
	program string
	env     []string
}

// errNoGit means that git is not installed.
var errNoGit = errors.New("git is not installed")

// newGit finds git. The parameter proxy is the setting network.proxy.
func newGit(env paths.Env, proxy string) (*git, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errNoGit
	}
	return &git{program, gitEnv(env, proxy)}, nil
}

// gitEnv returns the environment of git, in which git reads no configuration, runs no other program, asks nobody for a password, finds
// none, and uses only https.
func gitEnv(env paths.Env, proxy string) []string {
	list := []string{
		"PATH=" + env.Get("PATH"), "LC_ALL=C", "HOME=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_DIR=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https", "GIT_SSH_COMMAND=false",
	}
	settings := [][2]string{
		{"protocol.version", "2"}, {"credential.helper", ""}, {"http.followRedirects", "initial"}, {"http.lowSpeedLimit", "100"}, {"http.lowSpeedTime", "15"},
	}
	switch proxy {
	case "":
		for _, name := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"} {
			if value := env.Get(name); value != "" {
				list = append(list, name+"="+value)
			}
		}
	case "none":
		settings = append(settings, [2]string{"http.proxy", ""})
	default:
		settings = append(settings, [2]string{"http.proxy", proxy})
	}
	for name, variable := range map[string]string{"GIT_SSL_CAINFO": "SSL_CERT_FILE", "GIT_SSL_CAPATH": "SSL_CERT_DIR"} {
		if value := env.Get(variable); value != "" {
			list = append(list, name+"="+value)
		}
	}
	list = append(list, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, setting := range settings {
		list = append(list, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, setting[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, setting[1]))
	}
	return list
}

// latest asks the server of a source for the latest commit.
func (g *git) latest(ctx context.Context, s Source) (commit string, err error) {
	if why := s.Refusal(); why != "" {
		return "", errors.New(why)
	}
	reply, problem := &limitedBuffer{limit: maxReplyBytes}, &limitedBuffer{limit: maxErrorBytes}
	cmd := exec.CommandContext(ctx, g.program, "ls-remote", "--quiet", "--", s.URL, s.ref())
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = g.env, "/", reply, problem, stopTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // git runs another program that sends the request
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", errors.New("the server did not answer in time")
	case err != nil:
		return "", errors.New(lastLine(problem.kept.String(), err.Error()))
	}
	for line := range strings.Lines(reply.kept.String()) {
		if commit, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); name == s.ref() && IsCommit(commit) {
			return commit, nil
		}
	}
	if reply.exceeded {
		return "", fmt.Errorf("the reply has more than %d bytes", maxReplyBytes)
	}
	return "", fmt.Errorf("the repository has no branch %s", s.Branch)
}

// lastLine returns the last line of a text that is not empty, without git's prefix, or the parameter otherwise.
func lastLine(text, otherwise string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	if len(lines) == 0 {
		return otherwise
	}
	return "git: " + strings.TrimPrefix(lines[len(lines)-1], "fatal: ")
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	kept     bytes.Buffer
	limit    int
	exceeded bool
}

func (b *limitedBuffer) Write(text []byte) (int, error) {
	n := min(len(text), b.limit-b.kept.Len())
	b.exceeded = b.exceeded || n < len(text)
	b.kept.Write(text[:n])
	return len(text), nil
}
