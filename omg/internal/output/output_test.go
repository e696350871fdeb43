package output

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSafeName(t *testing.T) {
	for _, c := range []struct{ repo, name, want string }{
		{"extra", "firefox", "firefox"},
		{"", "firefox", "firefox"},
		{"extra", "-Rdd", "extra/-Rdd"},
		{"extra", ".hidden", "extra/.hidden"},
		{"", "-Rdd", ""},
		{"-x", "-Rdd", ""},
		{"a\nb", "-Rdd", ""},
		{"extra", "$(id)", ""},
		{"extra", "a b", ""},
		{"extra", "a\nb", ""},
		{"extra", "", ""},
	} {
		got, ok := SafeName(c.repo, c.name)
		require.Equal(t, c.want, got, "%q", c.name)
		require.Equal(t, c.want != "", ok, "%q", c.name)
	}
}

func TestLeftOutNote(t *testing.T) {
	require.Equal(t, `left out 1 package whose name could be taken for something else on a command line: "$(id)"`, LeftOutNote("package", []string{"$(id)"}))
	require.Equal(t, `left out 2 groups whose names could be taken for something else on a command line: "-a -b"`, LeftOutNote("group", []string{"-a", "-b"}))
	require.Less(t, len(LeftOutNote("package", []string{strings.Repeat("x", 1000)})), 200)
}
