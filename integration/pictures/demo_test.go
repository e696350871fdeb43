package pictures

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
)

// The demo is a small system of July 2022, because the advisories of that time are closed and well known. Their numbers, severities and
// versions are those of Arch's security tracker.
var demoRepositories = map[string][]string{
	"core": {
		"bash 5.1.016-1 The GNU shell that most scripts are written for",
		"curl 7.84.0-1 Command-line tool and library to transfer data by URL",
		"glibc 2.35-6 The C library that every program here is linked to",
		"linux 5.18.9.arch1-1 The Linux kernel and its modules",
		"openssl 1.1.1.o-1 Library and tool for TLS and general cryptography",
		"pacman 6.0.1-5 A library-based package manager with dependency support",
		"sudo 1.9.11.p3-1 Lets users run some commands as root",
	},
	"extra": {
		"chromium 102.0.5005.61-1 A web browser built for speed and security",
		"falkon 3.2.0-2 A web browser of KDE that uses QtWebEngine",
		"firefox 101.0-1 Standalone web browser by Mozilla",
		"git 2.37.1-1 The fast distributed version control system",
		"gvfs 1.50.2-1 Virtual file system of GNOME, with a browser of networks",
		"links 2.27-1 A web browser for the console and for graphics",
		"qutebrowser 2.5.1-1 A keyboard-driven web browser in Python",
		"ripgrep 13.0.0-2 Searches directories for lines that match a pattern",
		"vim 8.2.5046-1 Vi improved, a highly configurable text editor",
	},
}

// demoInstalled are the installed packages: name, version, and - for a dependency.
var demoInstalled = []string{
	"bash 5.1.016-1", "curl 7.83.1-1 -", "glibc 2.35-6 -", "linux 5.18.9.arch1-1", "openssl 1.1.1.o-1 -", "pacman 6.0.1-5", "sudo 1.9.11.p3-1",
	"chromium 101.0.4951.54-1", "firefox 100.0.1-1", "git 2.37.0-1", "ripgrep 13.0.0-2", "links 2.27-1 -", "vim 8.2.5046-1",
	"google-chrome 102.0.5005.61-1", "yay-bin 11.2.0-1",
}

const demoAdvisories = `[
{"name":"AVG-2817","packages":["curl"],"status":"Fixed","severity":"Unknown","type":"unknown","affected":"7.83.1-1","fixed":"7.84.0-1","ticket":null,
 "issues":["CVE-2022-32208","CVE-2022-32207","CVE-2022-32206"],"advisories":[]},
{"name":"AVG-2778","packages":["git"],"status":"Fixed","severity":"Unknown","type":"unknown","affected":"2.37.0-1","fixed":"2.37.1-1","ticket":null,
 "issues":["CVE-2022-29187"],"advisories":[]},
{"name":"AVG-2765","packages":["openssl"],"status":"Vulnerable","severity":"Medium","type":"arbitrary command execution","affected":"1.1.1.o-1","fixed":null,
 "ticket":null,"issues":["CVE-2022-2068"],"advisories":[]},
{"name":"AVG-2720","packages":["chromium"],"status":"Fixed","severity":"High","type":"unknown","affected":"101.0.4951.54-1","fixed":"101.0.4951.64-1",
 "ticket":null,"issues":["CVE-2022-1641","CVE-2022-1640"],"advisories":[]},
{"name":"AVG-2728","packages":["firefox"],"status":"Fixed","severity":"Critical","type":"arbitrary code execution","affected":"100.0.1-1","fixed":"100.0.2-1",
 "ticket":null,"issues":["CVE-2022-1802","CVE-2022-1529"],"advisories":[]},
{"name":"AVG-2738","packages":["vim"],"status":"Fixed","severity":"High","type":"multiple issues","affected":"8.2.4150-1","fixed":"8.2.4151-1","ticket":null,
 "issues":["CVE-2022-0318"],"advisories":[]}]`

// demoAUR returns the packages of the demo's AUR.
func demoAUR() (all []fakeserver.Package) {
	for i, line := range []string{
		"google-chrome 103.0.5060.114-1 2082 15.3 The popular web browser by Google, stable channel",
		"brave-bin 1.40.113-1 684 18.1 A web browser that blocks ads and trackers by default",
		"librewolf-bin 102.0-1 193 5.8 A fork of Firefox that is focused on privacy",
		"yay-bin 11.2.0-1 211 4.1 Yet another yogurt, an AUR helper written in Go",
	} {
		f := strings.SplitN(line, " ", 5)
		votes, _ := strconv.Atoi(f[2])
		popularity, _ := strconv.ParseFloat(f[3], 64)
		maintainer := "maintainer" + strconv.Itoa(i)
		all = append(all, fakeserver.Package{Record: fakeserver.Record{
			ID: i + 1, Name: f[0], PackageBaseID: i + 1, PackageBase: f[0], Version: f[1], Description: &f[4], NumVotes: votes, Popularity: popularity,
			Maintainer: &maintainer, FirstSubmitted: 1_500_000_000, LastModified: 1_657_000_000,
		}})
	}
	return all
}

// writeDemo writes the databases of the demo. They are three and a half hours old, so that their age in full hours is the same in
// each run.
func writeDemo(s *harness.System) {
	s.T.Helper()
	const built = "1657000000"
	downloaded := time.Now().Add(-3*time.Hour - 30*time.Minute)
	config := "[options]\nArchitecture = x86_64\nDBPath = " + s.DB + "\n"
	for _, repo := range []string{"core", "extra"} {
		config += "[" + repo + "]\nServer = https://mirror.invalid/" + repo + "\n"
		var entries []harness.DatabaseEntry
		for _, line := range demoRepositories[repo] {
			f := strings.SplitN(line, " ", 3)
			entries = append(entries, harness.NewPackageEntry(f[0], f[1], "DESC", f[2], "CSIZE", "1024", "ISIZE", "4096", "BUILDDATE", built))
		}
		harness.WriteFile(s.T, s.SyncDBPath(repo), harness.BuildDatabase(s.T, entries...))
		require.NoError(s.T, os.Chtimes(s.SyncDBPath(repo), downloaded, downloaded))
	}
	harness.WriteFile(s.T, s.PacmanConf, config)
	for _, line := range demoInstalled {
		f := strings.Fields(line)
		more := []string{"DESC", "An installed package", "BUILDDATE", built, "INSTALLDATE", built}
		if len(f) > 2 {
			more = append(more, "REASON", "1")
		}
		if f[0] == "bash" { // so links is the only orphan
			more = append(more, "DEPENDS", "glibc\ncurl\nopenssl")
		}
		s.Install(f[0], f[1], more...)
	}
}
