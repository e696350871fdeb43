//go:build !libalpm

package main

import (
	"testing"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
)

func TestStub_SaysSo(t *testing.T) {
	for _, op := range []string{alpmproto.OpFacts, alpmproto.OpSearch, alpmproto.OpInfo} {
		_, err := ask(t, op, alpmproto.Request{DatabaseDir: "/", Words: []string{"x"}, Names: []string{"x"}})
		requireCode(t, alpmproto.CodeWithoutLibalpm, err)
	}
}
