package app

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/sourcerecords"
)

// repositoryServers has the servers that the flags --server name, by the names of the repositories. They can have the variables of pacman.conf.
type repositoryServers map[string]string

// parseServers returns the servers that flags name for sources.
func parseServers(flags []string, list []publishedSource) (repositoryServers, error) {
	servers := repositoryServers{}
	for _, text := range flags {
		name, server, _ := strings.Cut(text, "=")
		u, err := url.Parse(server)
		if err != nil || u.Scheme == "" || u.Host+u.Path == "" {
			return nil, command.Usagef("--server %q: not the name of a repository and an address, such as own=https://example.org/$repo/$arch", text)
		}
		if servers[name] != "" {
			return nil, command.Usagef("--server: %s has two servers", name)
		}
		if !slices.ContainsFunc(list, func(s publishedSource) bool { return s.name() == name && hasServer(s) }) {
			return nil, command.Usagef("--server: the repository %q is not published", name)
		}
		servers[name] = server
	}
	return servers, nil
}

// hasServer reports whether a source comes from the server of a repository.
func hasServer(s publishedSource) bool {
	return slices.ContainsFunc(s.publishedKinds(), func(kind string) bool { return kind == sourcerecords.KindRepository || kind == sourcerecords.KindFiles })
}

// of returns the server of a repository, with the variables of pacman.conf replaced; "" if no flag names it. The architecture is that of its
// packages; "" if all of them are for any.
func (s repositoryServers) of(name, architecture string) (string, error) {
	server := strings.ReplaceAll(s[name], "$repo", name)
	if architecture == "" && strings.Contains(server, "$arch") {
		return "", errors.New("no package says what $arch is: name the server without it")
	}
	return strings.ReplaceAll(server, "$arch", architecture), nil
}
