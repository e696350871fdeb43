package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
)

// fleetRequests is the number of requests for each page.
const fleetRequests = 20

// fleetPages are the measured pages of omg-fleet web, with the times in which they should be there.
var fleetPages = []struct {
	name, path string
	limit      float64 // milliseconds
}{
	{"the hosts", "/", 1000},
	{"the hosts by updates, page 25", "/?sort=updates&page=25", 1000},
	{"a filter", "/?q=host0999", 100},
	{"the packages with a text", "/packages?q=xz", 500},
	{"a package on all hosts", "/package?name=xz", 500},
	{"a version on all hosts", "/packages?q=" + url.QueryEscape("xz>=5.6 xz<5.6.2"), 500},
}

// measureFleetWeb measures the pages of omg-fleet web about many hosts, without a browser.
func (b *bench) measureFleetWeb() error {
	dir, token := filepath.Join(b.dir, "fleetweb"), filepath.Join(b.dir, "token")
	const secret = "the token of the measures"
	o := fixture.InventoryOptions{Hosts: fleetHosts, Packages: fleetPackages, Seed: 1, At: time.Now().Unix()}
	if err := errors.Join(os.Mkdir(dir, 0o755), fixture.WriteInventories(dir, o), os.WriteFile(token, []byte(secret), 0o600)); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(b.bin, "omg-fleet"), "--from", dir, "web", "--listen", "127.0.0.1:0", "--token-file", token)
	cmd.Env = b.env
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), "the pages are on ")
	}
	if address == "" {
		return errors.New("omg-fleet web has not started")
	}
	on := fmt.Sprintf("%d hosts with %d packages", fleetHosts, fleetPackages)
	b.add(tableRow{Name: "omg-fleet web, start", Workload: on, Unit: "ms", MeasuredValue: milliseconds(time.Since(start)), AimMet: true})
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.PostForm(address+"login", url.Values{"token": {secret}})
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	cookies := answer.Cookies()
	if len(cookies) != 1 {
		return fmt.Errorf("the login was answered with %s", answer.Status)
	}
	for _, page := range fleetPages {
		var times runTimes
		for range fleetRequests {
			took, err := getPage(client, strings.TrimSuffix(address, "/")+page.path, cookies[0])
			if err != nil {
				return err
			}
			times = append(times, milliseconds(took))
		}
		b.add(tableRow{
			Name: "omg-fleet web, " + page.name, Workload: on, Unit: "ms", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75),
			Aim: fmt.Sprintf("under %.0f ms", page.limit), AimMet: times.median() < page.limit, ours: times,
		})
	}
	return nil
}

// getPage returns the time that a page takes.
func getPage(client *http.Client, address string, cookie *http.Cookie) (time.Duration, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	r.AddCookie(cookie)
	start := time.Now()
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s was answered with %s", address, answer.Status)
	}
	return time.Since(start), nil
}
