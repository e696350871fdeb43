package output

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
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

func TestTemplate(t *testing.T) {
	_, err := ParseTemplate("{{")
	require.Equal(t, exit.Usage, exit.Code(err))
	require.ErrorContains(t, err, "--format: ")
	tmpl, err := ParseTemplate("{{.name}} {{.groups}}\x00")
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, tmpl.Print(&b, &wire.Package{Name: "a\x1b"}))
	require.Equal(t, "a\uFFFD \x00", b.String())
	tmpl, err = ParseTemplate("{{.nonsense}}")
	require.NoError(t, err)
	require.Equal(t, exit.Usage, exit.Code(tmpl.Print(&b, &wire.Package{})))
}
