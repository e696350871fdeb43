package show

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func TestDescribeRank(t *testing.T) {
	r := &wire.SearchRank{Place: wire.PlaceNamePrefix, Closeness: 200, Prominence: 157}
	require.Equal(t, "at the start of the name: closeness 200 + prominence 157 = 357", describeRank(r))
	share, points := 12.34, uint8(61)
	r.Share, r.SharePoints = &share, &points
	require.Equal(t, "at the start of the name: closeness 200 + prominence 157 = 357 (61 of the prominence because pkgstats found it on 12.34 % of machines)", describeRank(r))
	require.Equal(t, "in elsewhere: closeness 0 + prominence 0 = 0", describeRank(&wire.SearchRank{Place: "elsewhere"}))
}
