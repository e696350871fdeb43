package records

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPipe passes more bytes than a pipe keeps.
func TestPipe(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcde\n"), 3*pipeBlockCount*pipeBlockSize/16)
	write := func(w io.Writer) error {
		_, err := w.Write(want)
		return err
	}
	var got []byte
	require.NoError(t, Pipe(write, func(r io.Reader) (err error) {
		got, err = io.ReadAll(r)
		return err
	}))
	require.True(t, bytes.Equal(want, got))

	first := make([]byte, 10)
	require.NoError(t, Pipe(write, func(r io.Reader) error {
		_, err := io.ReadFull(r, first)
		return err
	}), "the rest is discarded")
	require.Equal(t, want[:10], first)
}

func TestPipe_Errors(t *testing.T) {
	unread, unwritten := errors.New("unread"), errors.New("unwritten")
	ended := false
	err := Pipe(func(w io.Writer) error {
		_, err := w.Write(make([]byte, 2*pipeBlockCount*pipeBlockSize))
		ended = true
		return err
	}, func(io.Reader) error { return unread })
	require.ErrorIs(t, err, unread)
	require.True(t, ended, "what is written does not depend on the reader")

	err = Pipe(func(w io.Writer) error {
		_, _ = w.Write([]byte("beginning"))
		return unwritten
	}, func(r io.Reader) error {
		got, err := io.ReadAll(r)
		require.Equal(t, "beginning", string(got))
		return err
	})
	require.Equal(t, unwritten, err)
}
