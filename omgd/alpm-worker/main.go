// Command omg-alpm-worker asks libalpm once for omgd and exits. It reads the request as one frame
// from standard input, and writes the reply to standard output; package alpmproto describes both. It is the
// only program of omg that links libalpm. If it is built without the tag libalpm, it answers every request
// with alpmproto.CodeWithoutLibalpm.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "omg-alpm-worker: error: takes no arguments: omgd starts it and writes the request to its standard input")
		os.Exit(exit.Usage)
	}
	os.Exit(run(os.Stdin, os.Stdout))
}

// run reads a request from in, writes the reply to out and returns the exit code.
func run(in io.Reader, out io.Writer) int {
	code := exit.OK
	frames, err := replyToRequest(in)
	if err != nil {
		code = exit.Failed
		werr := &wire.Error{Code: wire.CodeInternal, Message: err.Error()}
		if errors.As(err, &werr) && werr.Code == wire.CodeInvalid {
			code = exit.Usage
		}
		frames = wire.AppendError(nil, alpmproto.RequestID, werr)
	}
	if _, err := out.Write(frames); err != nil {
		return exit.Failed
	}
	return code
}

// replyToRequest reads a request and returns the frames of the reply.
func replyToRequest(in io.Reader) (frames []byte, err error) {
	frame, err := wire.ReadFrame(in, nil, wire.MaxRequestSize)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInvalid, "invalid request: %v", err)
	}
	if err := wire.CheckRequest(frame); err != nil {
		return nil, wire.Errorf(wire.CodeInvalid, "invalid request: %v", err)
	}
	head, err := wire.DecodeRequestHeader(frame)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInvalid, "invalid request: %v", err)
	}
	var req alpmproto.Request
	if err := msgpack.Unmarshal(frame, &req); err != nil {
		return nil, wire.Errorf(wire.CodeInvalid, "invalid request: %v", err)
	}
	op := string(head.Op)
	if err := checkRequest(op, &req); err != nil {
		return nil, err
	}
	a, err := answerRequest(op, &req)
	if err != nil {
		return nil, err
	}
	frames, err = alpmproto.Encode(head.ID, a)
	if err != nil {
		return nil, wire.Errorf(wire.CodeTooLarge, "the reply cannot be sent: %v", err)
	}
	return frames, nil
}

// checkRequest returns an error unless the request is valid for its operation.
func checkRequest(op string, req *alpmproto.Request) error {
	switch op {
	case alpmproto.OpFacts:
	case alpmproto.OpSearch:
		if len(req.Words) == 0 {
			return wire.Errorf(wire.CodeInvalid, "a search without words")
		}
	case alpmproto.OpInfo:
		if len(req.Names) == 0 {
			return wire.Errorf(wire.CodeInvalid, "no names")
		}
	default:
		return wire.Errorf(wire.CodeInvalid, "unknown operation %.100q", op)
	}
	if !filepath.IsAbs(req.DatabaseDir) {
		return wire.Errorf(wire.CodeInvalid, "the database directory %.200q is not absolute", req.DatabaseDir)
	}
	return nil
}
