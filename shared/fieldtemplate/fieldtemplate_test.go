package fieldtemplate

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func TestTemplate(t *testing.T) {
	_, err := Parse("{{")
	require.Equal(t, exit.Usage, exit.Code(err))
	require.ErrorContains(t, err, "--format: ")
	tmpl, err := Parse("{{.name}} {{.groups}}\x00")
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, tmpl.Print(&b, &wire.Package{Name: "a\x1b"}))
	require.Equal(t, "a\uFFFD \x00", b.String())
	tmpl, err = Parse("{{.nonsense}}")
	require.NoError(t, err)
	require.Equal(t, exit.Usage, exit.Code(tmpl.Print(&b, &wire.Package{})))
}
