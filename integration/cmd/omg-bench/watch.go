package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// watchingConns is the number of connections that watch beside omg watch, in the second half of the measurement.
const watchingConns = 500

// watchLines are a running omg watch and connections that watch, with the number of explicitly installed packages that each of them has got
// last.
type watchLines struct {
	omg     *exec.Cmd
	conns   []net.Conn
	printed chan arrival // the lines of omg watch
	arrived chan arrival // what the connections get
}

// arrival is a number that has arrived.
type arrival struct {
	number int
	at     time.Time
}

// startWatching starts omg watch, and opens a number of connections.
func (b *bench) startWatching(w *testSystem, conns int) (*watchLines, error) {
	line := b.omgCommand(w, "watch", "--format", "{{.counts.explicit}}")
	l := &watchLines{omg: exec.Command(line[0], line[1:]...), printed: make(chan arrival, 1000), arrived: make(chan arrival, 1000*conns)}
	l.omg.Env = b.env
	out, err := l.omg.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.omg.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(l.printed)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, _ := strconv.Atoi(strings.TrimSpace(lines.Text()))
			l.printed <- arrival{n, time.Now()}
		}
	}()
	request, err := wire.AppendRequest(nil, 1, wire.OpWatch, nil)
	for i := 0; i < conns && err == nil; i++ {
		var nc net.Conn
		if nc, err = net.Dial("unix", w.socket); err == nil {
			l.conns = append(l.conns, nc)
			_, err = nc.Write(request)
			go l.receive(nc)
		}
	}
	if err != nil {
		l.stop()
		return nil, err
	}
	for range conns { // the first status of each
		<-l.arrived
	}
	<-l.printed
	return l, nil
}

// receive records the statuses that a connection gets, until it is closed.
func (l *watchLines) receive(nc net.Conn) {
	in := bufio.NewReader(nc)
	for {
		frame, err := wire.ReadFrame(in, nil, wire.MaxFrameSize)
		if err != nil {
			return
		}
		at := time.Now()
		var st wire.StatusResult
		if reply, err := wire.DecodeReply(frame); err == nil && msgpack.Unmarshal(reply.Result, &st) == nil && st.Counts.Explicit != nil {
			l.arrived <- arrival{int(*st.Counts.Explicit), at}
		}
	}
}

// await waits until omg watch has printed a number and all connections have got it, and returns when this was.
func (l *watchLines) await(number int) (printed, delivered time.Time, err error) {
	limit := time.After(10 * time.Second)
	for conns := 0; conns < len(l.conns) || printed.IsZero(); {
		select {
		case line, ok := <-l.printed:
			if !ok {
				return printed, delivered, errors.New("omg watch has ended")
			}
			if line.number == number {
				printed = line.at
			}
		case a := <-l.arrived:
			if a.number == number {
				conns++
				delivered = a.at
			}
		case <-limit:
			return printed, delivered, fmt.Errorf("%d of %d connections have the last status", conns, len(l.conns))
		}
	}
	return printed, delivered, nil
}

// stop ends omg watch and the connections.
func (l *watchLines) stop() {
	_ = l.omg.Process.Kill()
	_ = l.omg.Wait()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}
