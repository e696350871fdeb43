package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParse_IncidentLists checks which elements the list of the lists of incidents can have.
func TestParse_IncidentLists(t *testing.T) {
	const key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	parse := func(elements ...string) (*Loaded, error) {
		return Parse("x.toml", []byte("[aur.incidents]\nlists = [\""+strings.Join(elements, `", "`)+"\"]\n"))
	}
	l, err := parse("/etc/omg/list.toml", "/etc/omg/with space.toml", "https://example.org/list.toml "+key, "http://127.0.0.1:8080/list.toml "+key)
	require.NoError(t, err)
	require.Len(t, l.AUR.Incidents.Lists, 4)
	require.True(t, l.AUR.Incidents.Shipped)
	for element, want := range map[string]string{
		"list.toml":                                `"list.toml" is neither an absolute path nor an address`,
		"list.toml " + key:                         "is neither an absolute path nor an address",
		"https://example.org/x":                    `"https://example.org/x" has no key: write the address, a space and the minisign public key`,
		"http://example.org/x " + key:              "is not encrypted: use https",
		"https://example.org/x?a " + key:           "has a query",
		"ftp://example.org/x " + key:               "is not a URL",
		"https://example.org/x RWQf":               "https://example.org/x: the key is not a public key of minisign",
		"https://example.org/x " + key[1:]:         "is not a public key",
		"https://example.org/x X" + key[1:]:        "is not a public key",
		"https://example.org/x " + key + " " + key: "is not a public key",
	} {
		_, err := parse(element)
		require.ErrorContains(t, err, want, element)
		require.ErrorContains(t, err, "x.toml:2: aur.incidents.lists: ", element)
	}
	_, err = parse(strings.Split(strings.Repeat("/x,", maxIncidentLists)+"/x", ",")...)
	require.ErrorContains(t, err, "21 lists, at most 20")
}
