//go:build !libalpm

package main

import (
	"github.com/omg-arch/omg/omgd/internal/alpm/question"
	"github.com/omg-arch/omg/shared/wire"
)

func answer(string, *question.Question) (*question.Answer, error) {
	return nil, wire.Errorf(question.CodeStub, "omg-alpm-worker was built without libalpm")
}
