package answers

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// TestNews checks that the largest news are sent in chunks that have the items in order.
func TestNews(t *testing.T) {
	in := snapshot.Inputs{UpgradedAt: 7, News: &snapshot.NewsData{RepliedAt: time.Now().Unix()}}
	for i := range wire.MaxNewsItems {
		in.News.Items = append(in.News.Items, wire.NewsItem{
			NewsHeadline: wire.NewsHeadline{ID: fmt.Sprint(i), Title: "T", PublishedAt: int64(1000 - i)}, Text: strings.Repeat("x", wire.MaxNewsText),
		})
	}
	s := snapshot.Build(in)
	var all wire.NewsResult
	var list [][]byte
	require.NoError(t, New(s).News(func(chunk []byte, more bool) error {
		require.LessOrEqual(t, len(chunk), MaxChunk)
		list = append(list, bytes.Clone(chunk))
		require.Equal(t, len(list) < wire.MaxNewsItems/2, more)
		return nil
	}))
	require.Len(t, list, wire.MaxNewsItems/2, "two items in a chunk")
	for i, b := range list {
		var chunk wire.NewsResult
		require.NoError(t, msgpack.Unmarshal(b, &chunk))
		if i == 0 {
			all = chunk
			continue
		}
		require.Equal(t, wire.NewsResult{Items: chunk.Items}, chunk, "all other fields are in the first chunk")
		all.Items = append(all.Items, chunk.Items...)
	}
	require.Equal(t, in.News.Items, all.Items)
	require.EqualValues(t, 7, all.UpgradedAt)
	require.Equal(t, wire.KindNews, all.Sources[0].Kind)
}
