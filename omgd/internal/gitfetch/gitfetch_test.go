package gitfetch

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fetch"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// replies is a Getter whose reply to each request is a text, which it writes in parts of the given size.
type replies struct {
	text     string
	partSize int
	sent     fetch.Request
}

func (r *replies) Get(_ context.Context, request fetch.Request, w io.Writer) (fetch.Response, error) {
	r.sent = request
	for rest := r.text; rest != ""; {
		n := min(len(rest), r.partSize)
		if _, err := io.WriteString(w, rest[:n]); err != nil {
			return fetch.Response{}, err
		}
		rest = rest[n:]
	}
	return fetch.Response{Bytes: int64(len(r.text))}, nil
}

// TestHead checks which commit is the latest one of a list of names. The real git answers in the tests of the package integration/network.
func TestHead(t *testing.T) {
	const service = "001e# service=git-upload-pack\n0000"
	for text, want := range map[string]string{
		service + packetLine(commit+" HEAD\x00symref=HEAD:refs/heads/master shallow\n") + packetLine(strings.Repeat("b", 40)+" refs/heads/master\n") + flushPacket: commit,
		service + packetLine(commit+" HEAD\n"):                                           commit,
		service + packetLine(commit+" refs/heads/HEAD\n") + flushPacket:                  "",
		service + packetLine(strings.Repeat("0", 40)+" HEAD\x00shallow\n") + flushPacket: "",
		service + packetLine("../../etc/passwd HEAD\n") + flushPacket:                    "",
		service + packetLine(strings.ToUpper(commit)+" HEAD\n") + flushPacket:            "",
		service + "ffff" + commit + " HEAD\n":                                            "",
		service + "zzzz" + commit + " HEAD\n":                                            "",
		"<html>not found</html>":                                                         "",
		"":                                                                               "",
	} {
		r := &Repository{Getter: &replies{text: text, partSize: 1000}, URL: "https://example.org/a.git/"}
		got, err := r.Head(t.Context())
		require.Equal(t, want, got, "%q", text)
		if want == "" {
			require.ErrorIs(t, err, ErrNotRepository, "%q", text)
		}
	}
	server := &replies{text: packetLine("ERR access denied\x1b[31m"), partSize: 9}
	r := &Repository{Getter: server, URL: "https://example.org/a.git"}
	_, err := r.Head(t.Context())
	require.EqualError(t, err, `the reply is not that of a git repository: the server says "access denied\x1b[31m"`)
	require.Equal(t, "https://example.org/a.git/info/refs?service=git-upload-pack", server.sent.URL)
}

// TestDownload checks that exactly the pack is written, in whatever parts the reply arrives.
func TestDownload(t *testing.T) {
	pack := "PACK" + strings.Repeat("x0000", 100)
	before := packetLine("shallow "+commit+"\n") + flushPacket + packetLine("NAK\n")
	for _, size := range []int{1, 3, 64, 10_000} {
		server := &replies{text: before + pack, partSize: size}
		var got bytes.Buffer
		_, err := (&Repository{Getter: server, URL: "https://example.org/a.git", MaxBytes: 7}).Download(t.Context(), commit, &got)
		require.NoError(t, err)
		require.Equal(t, pack, got.String())
		require.Equal(t, "https://example.org/a.git/git-upload-pack", server.sent.URL)
		require.EqualValues(t, 7, server.sent.MaxBytes)
	}
	for text, want := range map[string]string{
		before:                                  "it has no pack",
		"":                                      "it has no pack",
		packetLine("ERR not our ref") + "x":     `the server says "not our ref"`,
		strings.Repeat("x", 2*maxBeforePack):    "it has no pack",
		"<html>" + strings.Repeat(" ", 100_000): "it has no pack",
	} {
		var got bytes.Buffer
		_, err := (&Repository{Getter: &replies{text: text, partSize: 1000}}).Download(t.Context(), commit, &got)
		require.ErrorIs(t, err, ErrNotRepository)
		require.ErrorContains(t, err, want)
		require.Empty(t, got.String())
	}
}
