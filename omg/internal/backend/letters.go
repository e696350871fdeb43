package backend

import (
	"io"
	"os"

	"github.com/omg-arch/omg/omg/internal/letters"
)

// LettersRequest is a command line of pacman that only reads, and where its results go.
type LettersRequest struct {
	Line  *letters.Line
	Stdin *os.File
	// Stdout is the output. Terminal is its file if it is a terminal, otherwise nil.
	Stdout   io.Writer
	Terminal *os.File
	// ReportError and Warn print a line on standard error.
	ReportError, Warn func(text string)
}
