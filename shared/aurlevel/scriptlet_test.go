package aurlevel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/scriptlet"
)

// TestFindScriptlet checks that there is one finding for each kind of fact, with its lines, and the highest level first.
func TestFindScriptlet(t *testing.T) {
	require.Empty(t, FindScriptlet(scriptlet.Report{}))
	starts := scriptlet.Fact{Kind: scriptlet.KindEnablesService, Line: 1}
	first, second := scriptlet.Fact{Kind: scriptlet.KindEvaluates, Line: 2}, scriptlet.Fact{Kind: scriptlet.KindEvaluates, Line: 3}
	require.Equal(t, []Finding{
		{Level: LevelLook, Reason: ReasonScriptletEvaluates, Scriptlet: []scriptlet.Fact{first, second}},
		{Level: LevelLook, Reason: ReasonScriptletUnreadable, Scriptlet: []scriptlet.Fact{{Kind: scriptlet.KindUnreadable, Subject: "too many facts"}}},
		{Level: LevelNote, Reason: ReasonScriptletEnablesService, Scriptlet: []scriptlet.Fact{starts}},
	}, FindScriptlet(scriptlet.Report{Facts: []scriptlet.Fact{starts, first, second}, Omitted: 1}))
	for _, kind := range scriptlet.Kinds {
		require.Len(t, FindScriptlet(scriptlet.Report{Facts: []scriptlet.Fact{{Kind: kind}}}), 1, kind)
	}
}
