package buildfacts

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// Source is an element of the array source of a PKGBUILD. Its syntax is described in PKGBUILD(5).
type Source struct {
	// Text is the whole element, and Name the name of the file or directory that it becomes.
	Text, Name string
	// Arch is the architecture of the array; empty for all architectures.
	Arch string
	// Host is the host of the address, in lower case, without a leading "www." and without the port. For hosts on which anyone can
	// publish, such as github.com, the name of the account follows: "github.com/someone". It is empty for a local file. IsOdd means
	// that the host could not be read from the address, and that Host is the whole element.
	Host  string
	IsOdd bool
	// IsVCS means that the source is a repository of git or a similar program. makepkg does not need checksums for these.
	IsVCS bool
	// HasChecksum means that at least one checksum is not SKIP.
	HasChecksum bool
}

// vcsProtocols lists the protocols for which makepkg clones a repository.
var vcsProtocols = []string{"bzr", "fossil", "git", "hg", "svn"}

// forges lists hosts on which anyone can publish, with the first element of a path as the name of the account.
var forges = []string{
	"github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "git.sr.ht", "gitea.com", "gist.github.com",
}

// otherForgeHosts maps further hosts to the forge that serves the files of its accounts there, at the same paths.
var otherForgeHosts = map[string]string{
	"raw.githubusercontent.com": "github.com", "raw.github.com": "github.com", "codeload.github.com": "github.com", "gist.githubusercontent.com": "gist.github.com",
}

// parseSource returns what an element of the array source says.
func parseSource(text string) Source {
	s := Source{Text: text}
	name, address, isRenamed := strings.Cut(text, "::")
	if !isRenamed {
		name, address = "", text
	}
	scheme, rest, isRemote := strings.Cut(address, "://")
	if !isRemote {
		if rest, isLaunchpad := strings.CutPrefix(address, "lp:"); isLaunchpad {
			s.Host, s.IsVCS, s.Name = "launchpad.net", true, rest
			return s
		}
		s.Name = path.Base(text)
		return s
	}
	protocol, transport, isCombined := strings.Cut(scheme, "+")
	s.IsVCS = slices.Contains(vcsProtocols, protocol)
	if !isCombined {
		transport = protocol
	}
	place, _, _ := strings.Cut(rest, "#")
	if s.Name = name; s.Name == "" {
		withoutQuery, _, _ := strings.Cut(place, "?")
		if !s.IsVCS {
			withoutQuery = place // makepkg keeps the query in the name of a file
		}
		s.Name = strings.TrimSuffix(path.Base(withoutQuery), ".git")
	}
	if transport == "file" {
		return s
	}
	u, err := url.Parse("x://" + place)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), " \t\\%") {
		s.Host, s.IsOdd = text, true
		return s
	}
	s.Host = strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), "www.")
	if forge, isOther := otherForgeHosts[s.Host]; isOther {
		s.Host = forge
	}
	if slices.Contains(forges, s.Host) {
		account, _, _ := strings.Cut(strings.TrimPrefix(path.Clean(u.Path), "/"), "/")
		s.Host += "/" + strings.ToLower(account)
	}
	return s
}

// isSignature reports whether the source is a detached signature, which makepkg verifies, and which needs no checksum.
func (s *Source) isSignature() bool {
	switch path.Ext(s.Name) {
	case ".sig", ".sign", ".asc":
		return true
	}
	return false
}

// needsChecksum reports whether only a checksum shows that the source is the expected one.
func (s *Source) needsChecksum() bool { return !s.IsVCS && !s.isSignature() }
