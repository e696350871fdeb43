//go:build !libalpm

package main

import (
	"testing"

	"github.com/omg-arch/omg/omgd/internal/alpm/question"
)

func TestStub_SaysSo(t *testing.T) {
	for _, op := range []string{question.OpFacts, question.OpSearch, question.OpInfo} {
		_, err := ask(t, op, question.Question{Path: "/", Words: []string{"x"}, Names: []string{"x"}})
		requireCode(t, question.CodeStub, err)
	}
}
