package choice

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/wire"
)

// opener is the program that opens an address in the user's web browser.
const opener = "xdg-open"

// maxOpening is the number of programs that may run at once. A web browser that was not running before may be one of them.
const maxOpening = 8

var (
	errRoot    = errors.New("pages are not opened as root")
	errTooMany = errors.New("too many pages are being opened")
)

// Pages opens pages in the user's web browser.
type Pages struct {
	backend backend.Backend
	report  func(string)
	isRoot  bool
	running chan struct{} // has an element for each page that is being opened
	ended   sync.WaitGroup
}

// NewPages returns a Pages that passes what the user must know to the function report, which other goroutines call.
func NewPages(b backend.Backend, report func(string)) *Pages {
	return &Pages{backend: b, report: report, isRoot: os.Geteuid() == 0, running: make(chan struct{}, maxOpening)}
}

// Open opens the page of a package: that of Arch or the AUR or, for a package from elsewhere, its project's. It does not wait.
func (p *Pages) Open(ctx context.Context, c browser.Choice) error {
	if p.isRoot {
		return errRoot
	}
	select {
	case p.running <- struct{}{}:
	default:
		return errTooMany
	}
	p.ended.Go(func() {
		defer func() { <-p.running }()
		if err := p.open(ctx, &c); err != nil && ctx.Err() == nil {
			p.report(err.Error())
		}
	})
	return nil
}

func (p *Pages) open(ctx context.Context, c *browser.Choice) error {
	find, err := findAll(ctx, p.backend, []browser.Choice{*c})
	if err != nil {
		return err
	}
	address, err := pageAddress(c, find(c))
	if err != nil {
		return err
	}
	path, err := exec.LookPath(opener)
	if err != nil {
		return fmt.Errorf("%s is not installed: the page is %s", opener, address)
	}
	// The program has no terminal: it could only disturb the screen. It goes on when the package browser ends.
	cmd := exec.Command(path, address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.report("opened " + address)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s %s: %w", opener, address, err)
		}
	case <-ctx.Done():
	}
	return nil
}

// Wait waits until no goroutine calls the function report any more. The context must have been cancelled.
func (p *Pages) Wait() { p.ended.Wait() }

// archRepositories have pages at archlinux.org.
var archRepositories = []string{
	"core", "extra", "multilib", "core-testing", "extra-testing", "multilib-testing", "core-staging", "extra-staging", "multilib-staging",
	"gnome-unstable", "kde-unstable",
}

// pageAddress returns the address of the page of a package. The parameter found is its data; nil if no source has it.
func pageAddress(c *browser.Choice, found *wire.Package) (string, error) {
	if !wire.IsPossibleName(c.Name) || !isPrintable(c.Name) {
		return "", fmt.Errorf("%q is no name of a package", c.Name)
	}
	name := url.PathEscape(c.Name)
	switch {
	case found == nil:
		return "", fmt.Errorf("no source has the package %s", c.Name)
	case found.AUR != nil:
		return "https://aur.archlinux.org/packages/" + name, nil
	case slices.Contains(archRepositories, found.Repo) && (found.Arch == "x86_64" || found.Arch == "any"):
		return "https://archlinux.org/packages/" + found.Repo + "/" + found.Arch + "/" + name + "/", nil
	case found.URL == "":
		return "", fmt.Errorf("%s is from %s, and has no address of its project", c.Name, sourceName(found))
	}
	return checkAddress(found.URL)
}

func sourceName(p *wire.Package) string {
	if p.Repo == "" {
		return "no repository"
	}
	return "the repository " + p.Repo
}

// maxAddress is the maximum length of an address that is opened, in bytes.
const maxAddress = 2000

// checkAddress returns the address of a project in a form that no program takes for anything else: only http and https, only printable
// ASCII characters, no user name, which could look like the name of another server.
func checkAddress(text string) (string, error) {
	bad := fmt.Errorf("the address of the project is not opened: %.100q", text)
	u, err := url.Parse(text)
	if err != nil || len(text) > maxAddress || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", bad
	}
	address := u.String()
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\<>$;|", r) }) {
		return "", bad
	}
	return address, nil
}
