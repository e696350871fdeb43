package fetch

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGet_Rest checks requests for the rest of a file that the server of Go's library serves.
func TestGet_Rest(t *testing.T) {
	const whole = "0123456789abcdef"
	etag := `"one"`
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(whole)))
	})
	c := client(t)
	get := func(r Request) (string, Response, error) {
		var got bytes.Buffer
		got.WriteString(whole[:r.Offset])
		r.URL, r.Restart = url, func() error { got.Reset(); return nil }
		a, err := c.Get(context.Background(), r, &got)
		return got.String(), a, err
	}
	got, a, err := get(Request{Offset: 10, IfRange: etag, MaxBytes: 16})
	require.NoError(t, err)
	require.Equal(t, whole, got)
	require.EqualValues(t, 6, a.Bytes)

	got, a, err = get(Request{Offset: 10, IfRange: `"other"`, MaxBytes: 16})
	require.NoError(t, err)
	require.Equal(t, whole, got)
	require.EqualValues(t, 16, a.Bytes, "the file has changed: the server sends all of it")

	got, a, err = get(Request{Offset: 10, IfRange: `W/"other"`, MaxBytes: 16})
	require.NoError(t, err)
	require.Equal(t, whole, got)
	require.EqualValues(t, 6, a.Bytes, "a weak ETag is not sent")

	_, _, err = get(Request{Offset: 10, MaxBytes: 15})
	require.ErrorIs(t, err, ErrTooLarge)
	_, _, err = get(Request{Offset: 16, MaxBytes: 32})
	require.ErrorIs(t, err, ErrStatus, "nothing is left")
}

func TestGet_OtherPart(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
		w.Header().Set("Content-Range", "bytes 0-3/16")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("0123"))
	})
	var got bytes.Buffer
	r := Request{URL: url, Offset: 4, MaxBytes: 16, Revalidate: true, Restart: func() error { return nil }}
	_, err := client(t).Get(context.Background(), r, &got)
	require.ErrorIs(t, err, ErrRange)
	require.Empty(t, got.String())
	r.Offset = 0
	_, err = client(t).Get(context.Background(), r, &got)
	require.ErrorIs(t, err, ErrStatus, "a part that was not requested")
}
