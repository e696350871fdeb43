package app

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// inputTimeout is the time after the end of a command in which the programs that it has left running may still read its input.
var inputTimeout = 5 * time.Second // tests set another value

// commandRunner runs a command of the user once at a time, each time with new data on its standard input. Data that arrives while the command
// runs replaces data that the command has not got yet.
type commandRunner struct {
	newest chan []byte // has room for one
	ended  chan struct{}
}

// newCommandRunner returns a runner of a command line for the shell. The function report is called with the text of each error.
func newCommandRunner(line string, stdout, stderr io.Writer, report func(string)) *commandRunner {
	r := &commandRunner{newest: make(chan []byte, 1), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for data := range r.newest {
			// The data is never a part of the command line.
			cmd := exec.Command("/bin/sh", "-c", line)
			cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(data), stdout, stderr, inputTimeout
			if err := cmd.Run(); err != nil {
				report(fmt.Sprintf("--exec: the command has failed: %v", err))
			}
		}
	}()
	return r
}

// run makes the command run with the data, after the running one has ended. Only one goroutine may call it.
func (r *commandRunner) run(data []byte) {
	select {
	case <-r.newest:
	default:
	}
	r.newest <- data
}

// finish waits until the command has run with the last data. If wait is false, the command is not run again and not waited for: it may
// run forever, and nobody reads its output any more.
func (r *commandRunner) finish(wait bool) {
	if !wait {
		select {
		case <-r.newest:
		default:
		}
	}
	close(r.newest)
	if wait {
		<-r.ended
	}
}
