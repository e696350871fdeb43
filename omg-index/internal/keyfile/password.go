package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxPassword is the maximum length of a password in bytes, as in minisign.
const maxPassword = 1023

// AskPassword asks for the password of a secret key on a terminal, without showing it. If the standard input is not a terminal, the password
// is its next line, as for minisign. The prompt is written to stderr.
func AskPassword(ctx context.Context, stdin *os.File, stderr io.Writer, prompt string) (string, error) {
	fd := int(stdin.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil { // not a terminal
		return readLine(stdin)
	}
	// The terminal stops showing what is typed before the prompt tells the user to type.
	hidden := *before
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return "", fmt.Errorf("cannot hide the password on the terminal: %w", err)
	}
	defer func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
		fmt.Fprintln(stderr)
	}()
	fmt.Fprintf(stderr, "%s: ", prompt)
	type answer struct {
		password string
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		password, err := readLine(stdin)
		answers <- answer{password, err}
	}()
	select {
	case a := <-answers:
		return a.password, a.err
	case <-ctx.Done(): // the program ends, and the other goroutine with it
		return "", ctx.Err()
	}
}

// readLine reads a line, and nothing of the next one.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for c := make([]byte, 1); len(line) <= maxPassword+1; {
		if _, err := io.ReadFull(r, c); err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				break
			}
			return "", fmt.Errorf("cannot read the password from the standard input: %w", err)
		}
		if c[0] == '\n' {
			break
		}
		line = append(line, c[0])
	}
	return check(string(line))
}

func check(password string) (string, error) {
	switch {
	case password == "":
		return "", errors.New("the password is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password has more than %d bytes", maxPassword)
	}
	return password, nil
}
