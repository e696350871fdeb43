package authority

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Settings say where the servers of a fleet are.
type Settings struct {
	// Servers are the servers that keep the streams: one, or at least three, of which a majority has to run.
	Servers []Server `json:"servers"`
	// Leaves are the servers of sites.
	Leaves []Server `json:"leaves,omitempty"`
	// SelfSigned means that the certificates are signed by the key in the directory, and not by an authority that machines know.
	SelfSigned bool `json:"self_signed,omitempty"`
	// ServerDir and StateDir are the directories in which a server finds its files and keeps its data.
	ServerDir string `json:"server_dir"`
	StateDir  string `json:"state_dir"`
}

// Server is the address under which others reach a server. The ports for other servers follow from the port for clients.
type Server struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

const (
	defaultPort   = 4222
	clusterOffset = 2000
	leafOffset    = 3000
)

// ParseServer parses HOST or HOST:PORT.
func ParseServer(text string) (Server, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), strconv.Itoa(defaultPort)
	}
	number, err := strconv.Atoi(port)
	s := Server{host, number}
	if err != nil || number < 1 || number+leafOffset > 65535 || !s.hasValidHost() {
		return s, fmt.Errorf("%.100q is not the address of a server, such as nats1.example.org or nats1.example.org:%d", text, defaultPort)
	}
	return s, nil
}

// hasValidHost reports whether the host is an address or a name of the DNS. It becomes the name of a directory and a word of a configuration.
func (s Server) hasValidHost() bool {
	if net.ParseIP(s.Host) != nil {
		return true
	}
	if len(s.Host) == 0 || len(s.Host) > maxName || s.Host[0] == '.' || s.Host[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s.Host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

// Name is the name of the server among those of the fleet, and of the directory with its files.
func (s Server) Name() string { return s.Host + "-" + strconv.Itoa(s.Port) }

// URL is the address for clients.
func (s Server) URL() string { return s.url("tls", 0) }

func (s Server) url(scheme string, offset int) string {
	return scheme + "://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port+offset))
}

// Settings returns where the servers are.
func (a *Authority) Settings() Settings { return a.settings }

// URLs returns the addresses of the servers in the form of --server.
func (s *Settings) URLs() string {
	urls := make([]string, len(s.Servers))
	for i, one := range s.Servers {
		urls[i] = one.URL()
	}
	return strings.Join(urls, ",")
}

// Replicas returns on how many servers a message is stored.
func (s *Settings) Replicas() int { return min(len(s.Servers), 3) }

// Check returns an error for settings that no fleet can have.
func (s *Settings) Check() error {
	if n := len(s.Servers); n == 0 || n%2 == 0 {
		return errors.New("a fleet has one server, or three or five, of which a majority has to run")
	}
	if len(s.Servers) > 5 {
		return errors.New("more than five servers make a fleet slower: add a leaf node for each site")
	}
	for _, dir := range []string{s.ServerDir, s.StateDir} {
		if !filepath.IsAbs(dir) || strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '$' }) {
			return fmt.Errorf("%.100q cannot be a directory of a server: it begins with / and has no quotes, $ or \\", dir)
		}
	}
	seen := map[string]bool{}
	for _, one := range slices.Concat(s.Servers, s.Leaves) {
		if seen[one.Name()] {
			return fmt.Errorf("%s is named twice", one.Name())
		}
		seen[one.Name()] = true
	}
	return nil
}

const settingsFile = "fleet.json"

func (a *Authority) writeSettings() error {
	b, err := json.MarshalIndent(&a.settings, "", "  ")
	if err != nil {
		return err
	}
	return a.write(settingsFile, append(b, '\n'), 0o600)
}

func (a *Authority) readSettings() error {
	text, err := a.read(settingsFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), &a.settings); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(a.dir, settingsFile), err)
	}
	if err := a.settings.Check(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(a.dir, settingsFile), err)
	}
	for _, one := range slices.Concat(a.settings.Servers, a.settings.Leaves) {
		if _, err := ParseServer(net.JoinHostPort(one.Host, strconv.Itoa(one.Port))); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(a.dir, settingsFile), err)
		}
	}
	return nil
}

// AddLeaf adds the server of a site.
func (a *Authority) AddLeaf(s Server) error {
	changed := a.settings
	changed.Leaves = append(slices.Clone(changed.Leaves), s)
	if err := changed.Check(); err != nil {
		return err
	}
	a.settings = changed
	return a.writeSettings()
}
