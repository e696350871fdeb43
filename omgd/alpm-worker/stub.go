//go:build !libalpm

package main

import (
	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/wire"
)

func answerRequest(string, *alpmproto.Request) (*alpmproto.Reply, error) {
	return nil, wire.Errorf(alpmproto.CodeWithoutLibalpm, "omg-alpm-worker was built without libalpm")
}
