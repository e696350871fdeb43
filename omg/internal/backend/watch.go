package backend

import "os"

// WatchRequest asks for the status and its changes.
type WatchRequest struct {
	// Output is where the caller writes. If it is a pipe, watching ends when the other end of the pipe is closed. Output may be nil.
	Output *os.File
	// WaitForDaemon means that Watch waits for omgd if omgd is not running yet.
	WaitForDaemon bool
	// OnAway is called once each time when omgd is away, which means that some attempts to connect have failed. The parameter reason says
	// why. If OnAway returns an error, watching ends with it.
	OnAway func(reason string) error
}
