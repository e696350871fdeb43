package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

func TestLoad_Mirrors(t *testing.T) {
	const key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	load := func(urls, keys string) error {
		_, err := Load(paths.Env{Getenv: func(name string) string {
			return map[string]string{"OMG_INDEX_URLS": urls, "OMG_INDEX_KEYS": keys}[name]
		}}, true)
		return err
	}
	require.NoError(t, load("https://a.example/omg,http://b.example", key+",offline "+key))
	require.ErrorContains(t, load("https://a.example/omg", ""), "set index.keys")
	require.ErrorContains(t, load("ftp://a.example/omg", key), "is not a URL")
	require.ErrorContains(t, load("https://a.example/?x", key), "has a query")
	require.ErrorContains(t, load("https://a.example,https://a.example", key), "twice")
	require.ErrorContains(t, load("https://a.example", "online "+key), "not a public key of minisign")
}
