package messages

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/inventory"
)

func TestParseQuestion(t *testing.T) {
	data, err := Encode(&Question{Schema: Schema, ID: "a1", Spec: question.Spec{Kind: question.KindHas, Words: []string{"xz>=5.6"}}})
	require.NoError(t, err)
	q, err := ParseQuestion(data)
	require.NoError(t, err)
	require.Equal(t, []string{"xz>=5.6"}, q.Words)
	for text, want := range map[string]string{
		``:                        "unexpected end",
		`{"schema":2,"id":"a"}`:   "its schema is 2",
		`{"schema":1}`:            "its ID",
		`{"schema":1,"id":"a.b"}`: "its ID",
		`{"schema":1,"id":">"}`:   "its ID",
		`{"schema":1,"id":"` + strings.Repeat("a", 65) + `"}`: "its ID",
		strings.Repeat(" ", MaxQuestionBytes+1):               "larger than 64 kB",
	} {
		_, err := ParseQuestion([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestReply(t *testing.T) {
	r := &Reply{Schema: Schema, Now: 5, Answer: &question.Answer{Schema: 1, At: 4, Packages: []inventory.HostPackage{{Name: "xz", Version: "5.6.1-1"}}}}
	data, err := r.Encode()
	require.NoError(t, err)
	got, err := ParseReply(data)
	require.NoError(t, err)
	require.Equal(t, r, got)

	compress := func(text string) []byte { return encoder().EncodeAll([]byte(text), nil) }
	for name, data := range map[string][]byte{
		"empty": nil, "the server's own message": []byte(`{"stream":"OMG_STATE","seq":1}`), "cut off": data[:len(data)-3], "large": bytes.Repeat(data, maxReplyBytes/len(data)+1),
		"decompressed is large": bomb(t),
	} {
		_, err := ParseReply(data)
		require.ErrorIs(t, err, ErrNoReply, name)
	}
	_, err = ParseReply(compress(`{"schema":9}`))
	require.ErrorContains(t, err, "the schema of its reply is 9")
	_, err = ParseReply(compress(`[]`))
	require.Error(t, err)
}

// bomb returns a small message of which the content is larger than any answer.
func bomb(t *testing.T) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	data := e.EncodeAll(make([]byte, maxAnswerBytes+1), nil)
	require.Less(t, len(data), maxReplyBytes)
	return data
}

func TestReply_Large(t *testing.T) {
	r := &Reply{Schema: Schema, Answer: &question.Answer{}}
	noise := uint64(1)
	for range 150_000 {
		noise = noise*6364136223846793005 + 1442695040888963407
		text, err := json.Marshal(noise)
		require.NoError(t, err)
		r.Answer.Packages = append(r.Answer.Packages, inventory.HostPackage{Name: string(text), Version: string(text)})
	}
	_, err := r.Encode()
	require.ErrorContains(t, err, "ask for less")
}

func FuzzParse(f *testing.F) {
	data, err := (&Reply{Schema: Schema, Now: 1, Problem: "x"}).Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"schema":1,"id":"a","kind":"has","words":["xz"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ParseReply(data)
		_, _ = ParseAlive(data)
		q, err := ParseQuestion(data)
		if err == nil {
			_, _ = q.Question()
		}
	})
}
