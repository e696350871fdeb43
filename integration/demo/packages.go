package demo

import "strings"

// The demo is a small system of July 2022, because the advisories of that time are closed and well known. Their numbers, severities and
// versions are those of Arch's security tracker.

// repositoryNames are the repositories in the order of pacman.conf.
var repositoryNames = []string{"core", "extra"}

// repositories are the packages of each repository: name, version, download size and installed size in KiB, and description.
var repositories = map[string][]string{
	"core": {
		"bash 5.1.016-1 1640 8704 The GNU shell that most scripts are written for",
		"curl 7.84.0-1 1040 1843 Command-line tool and library to transfer data by URL",
		"glibc 2.35-6 9830 47104 The C library that every program here is linked to",
		"linux 5.18.9.arch1-1 141312 151552 The Linux kernel and its modules",
		"openssl 1.1.1.o-1 3686 7168 Library and tool for TLS and general cryptography",
		"pacman 6.0.1-5 870 4608 A library-based package manager with dependency support",
		"sudo 1.9.11.p3-1 1229 6349 Lets users run some commands as root",
	},
	"extra": {
		"chromium 102.0.5005.61-1 87040 276480 A web browser built for speed and security",
		"falkon 3.2.0-2 3379 11264 A web browser of KDE that uses QtWebEngine",
		"firefox 101.0-1 57344 226304 Standalone web browser by Mozilla",
		"git 2.37.1-1 6042 38912 The fast distributed version control system",
		"gvfs 1.50.2-1 512 2867 Virtual file system of GNOME, with a browser of networks",
		"links 2.27-1 2252 5734 A web browser for the console and for graphics",
		"qutebrowser 2.5.1-1 2150 8499 A keyboard-driven web browser in Python",
		"ripgrep 13.0.0-2 1536 5120 Searches directories for lines that match a pattern",
		"vim 8.2.5046-1 1638 3789 Vi improved, a highly configurable text editor",
	},
}

// commands are the commands of packages. Other packages have one command with the name of the package.
var commands = map[string]string{
	"bash": "bash bashbug sh", "git": "git git-shell", "glibc": "ldd", "linux": "", "ripgrep": "rg", "vim": "ex rvim vi vim", "gvfs": "",
}

// installed are the installed packages: name, version, installed size in KiB, and - for a dependency.
var installed = []string{
	"bash 5.1.016-1 8704", "curl 7.83.1-1 1836 -", "glibc 2.35-6 47104 -", "linux 5.18.9.arch1-1 151552", "openssl 1.1.1.o-1 7168 -",
	"pacman 6.0.1-5 4608", "sudo 1.9.11.p3-1 6349", "chromium 101.0.4951.54-1 274432", "firefox 100.0.1-1 224256", "git 2.37.0-1 38707",
	"ripgrep 13.0.0-2 5120", "links 2.27-1 5734 -", "vim 8.2.5046-1 3789", "google-chrome 102.0.5005.61-1 262144", "yay-bin 11.2.0-1 7782",
}

// depends are the dependencies of packages. Nothing needs links, which is the only orphan.
var depends = map[string]string{
	"bash": "glibc", "curl": "glibc openssl>=1.1", "openssl": "glibc", "sudo": "glibc", "pacman": "bash curl glibc", "git": "curl openssl",
	"chromium": "glibc", "firefox": "glibc", "links": "glibc openssl", "ripgrep": "glibc", "vim": "glibc sh", "yay-bin": "pacman>=5 git sudo",
	"google-chrome": "glibc",
}

// more are further fields of packages: pairs of a field and its lines.
var more = map[string][]string{
	"bash":     {"PROVIDES", "sh", "URL", "https://www.gnu.org/software/bash/", "LICENSE", "GPL"},
	"curl":     {"URL", "https://curl.se", "LICENSE", "MIT", "PROVIDES", "libcurl.so=4-64"},
	"git":      {"OPTDEPENDS", "openssh: ssh transport and crypto\nperl-libwww: git svn\nvim: edit commit messages", "URL", "https://git-scm.com/", "LICENSE", "GPL2"},
	"pacman":   {"GROUPS", "base-devel", "URL", "https://www.archlinux.org/pacman/", "LICENSE", "GPL"},
	"sudo":     {"GROUPS", "base-devel"},
	"gvfs":     {"GROUPS", "gnome"},
	"falkon":   {"GROUPS", "kde-applications\nkde-network"},
	"firefox":  {"URL", "https://www.mozilla.org/firefox/", "LICENSE", "MPL\nGPL\nLGPL"},
	"chromium": {"URL", "https://www.chromium.org/Home", "LICENSE", "BSD"},
}

// fields returns the fields that a package has in a repository and where it is installed.
func fields(name, description string) []string {
	list := append([]string{"DESC", description, "BUILDDATE", builtAt, "PACKAGER", "Jo Demo <jo@example.org>"}, more[name]...)
	if d := depends[name]; d != "" {
		list = append(list, "DEPENDS", strings.ReplaceAll(d, " ", "\n"))
	}
	return list
}

// builtAt is when all packages were built, in Unix seconds: on 5 July 2022.
const builtAt = "1657000000"

// log is pacman's log.
const log = `[2022-06-28T08:12:01+0000] [PACMAN] Running 'pacman -Syu'
[2022-06-28T08:12:01+0000] [PACMAN] synchronizing package lists
[2022-06-28T08:12:04+0000] [PACMAN] starting full system upgrade
[2022-06-28T08:12:31+0000] [ALPM] transaction started
[2022-06-28T08:12:31+0000] [ALPM] upgraded glibc (2.35-5 -> 2.35-6)
[2022-06-28T08:12:32+0000] [ALPM] upgraded linux (5.18.7.arch1-1 -> 5.18.9.arch1-1)
[2022-06-28T08:12:36+0000] [ALPM] upgraded sudo (1.9.10-1 -> 1.9.11.p3-1)
[2022-06-28T08:12:36+0000] [ALPM] transaction completed
[2022-07-02T19:40:11+0000] [PACMAN] Running 'pacman -S ripgrep links'
[2022-07-02T19:40:15+0000] [ALPM] transaction started
[2022-07-02T19:40:15+0000] [ALPM] installed ripgrep (13.0.0-2)
[2022-07-02T19:40:15+0000] [ALPM] installed links (2.27-1)
[2022-07-02T19:40:15+0000] [ALPM] transaction completed
[2022-07-04T21:05:50+0000] [PACMAN] Running 'pacman -Rs nano'
[2022-07-04T21:05:52+0000] [ALPM] transaction started
[2022-07-04T21:05:52+0000] [ALPM] removed nano (6.3-1)
[2022-07-04T21:05:52+0000] [ALPM] transaction completed
[2022-07-05T06:30:00+0000] [PACMAN] Running 'pacman -U /var/cache/pacman/pkg/firefox-100.0.1-1-x86_64.pkg.tar.zst'
[2022-07-05T06:30:02+0000] [ALPM] transaction started
[2022-07-05T06:30:02+0000] [ALPM] downgraded firefox (100.0.2-1 -> 100.0.1-1)
[2022-07-05T06:30:02+0000] [ALPM] transaction completed
`

const advisories = `[
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

// aurPackages are the packages of the AUR: name, version, votes, popularity, and description.
var aurPackages = []string{
	"google-chrome 103.0.5060.114-1 2082 15.3 The popular web browser by Google, stable channel",
	"brave-bin 1.40.113-1 684 18.1 A web browser that blocks ads and trackers by default",
	"librewolf-bin 102.0-1 193 5.8 A fork of Firefox that is focused on privacy",
	"yay-bin 11.2.0-1 211 4.1 Yet another yogurt, an AUR helper written in Go",
}
