package indexer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProxyEnvironment(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"https_proxy": "http://proxy:1", "NO_PROXY": "example.org", "HOME": "/home/ana"}[name]
	}
	require.Empty(t, proxyEnvironment("none", getenv))
	require.Equal(t, []string{"NO_PROXY=example.org", "https_proxy=http://proxy:1"}, proxyEnvironment("", getenv))
	require.Equal(t, []string{"HTTP_PROXY=http://ana:secret@other:2", "HTTPS_PROXY=http://ana:secret@other:2"}, proxyEnvironment("http://ana:secret@other:2", getenv))
}
