package aur

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Jguer/aur"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/wire"
)

// The errors of a question to the AUR, besides those of package fetch.
var (
	// ErrTooMany means that more packages match than the AUR lists.
	ErrTooMany = errors.New("too many packages match")
	// ErrTooShort means that the AUR wants more letters.
	ErrTooShort = errors.New("the AUR looks for two letters at least")
	// ErrAnswer means that the answer is none.
	ErrAnswer = errors.New("not an answer of the AUR")
)

// maxAnswer is the most bytes that an answer may have: 5,000 results, which are
// the most that the AUR lists, have some 3 MB.
const maxAnswer = 16 << 20

// batch is how many names one request for info has: the AUR's server takes an
// address of some 8,000 bytes, and a name with its key has some 30.
const batch = 150

// maxName is the longest name that is believed. The AUR's own limit is shorter.
const maxName = 255

// question is something that the AUR can be asked.
type question struct {
	path string
	// by and value are the field and the value that all results of a search have,
	// though the AUR's answer does not show all fields.
	by, value string
}

// searching is the question for the packages that have a value in a field.
func searching(by, value string) question {
	return question{path: "/rpc/v5/search/" + url.PathEscape(value) + "?by=" + url.QueryEscape(by), by: by, value: value}
}

// informing is the question for everything about packages.
func informing(names []string) question {
	return question{path: "/rpc/v5/info?" + url.Values{"arg[]": names}.Encode()}
}

// ask sends a question and reads the answer. A package with a name that none can
// have is left out.
func (a *AUR) ask(ctx context.Context, q question, total time.Duration) ([]wire.Package, error) {
	var body bytes.Buffer
	if _, err := a.Fetch.Get(ctx, fetch.Request{URL: a.base + q.path, MaxBytes: maxAnswer, Total: total}, &body); err != nil {
		return nil, err
	}
	var reply struct {
		Version int       `json:"version"`
		Type    string    `json:"type"`
		Error   string    `json:"error"`
		Results []aur.Pkg `json:"results"`
	}
	if err := json.Unmarshal(body.Bytes(), &reply); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	switch {
	case reply.Type == "error" && strings.HasPrefix(reply.Error, "Too many"):
		return nil, ErrTooMany
	case reply.Type == "error" && strings.HasPrefix(reply.Error, "Query arg too small"):
		return nil, ErrTooShort
	case reply.Type == "error":
		return nil, fmt.Errorf("%w: it says %.100q", ErrAnswer, reply.Error)
	case reply.Version != 5 || reply.Type != "search" && reply.Type != "multiinfo":
		return nil, fmt.Errorf("%w: version %d, type %.20q", ErrAnswer, reply.Version, reply.Type)
	}
	packages := make([]wire.Package, 0, len(reply.Results))
	for i := range reply.Results {
		if r := &reply.Results[i]; nameable(r.Name) && r.Version != "" {
			packages = append(packages, q.learned(toPackage(r)))
		}
	}
	return packages, nil
}

// nameable says that a package can have this name.
func nameable(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' })
}

// learned adds to a search result what the search says about it.
func (q question) learned(p wire.Package) wire.Package {
	switch q.by {
	case "provides":
		if p.Name != q.value {
			p.Provides = append(p.Provides, q.value)
		}
	case "groups":
		p.Groups = append(p.Groups, q.value)
	case "depends":
		p.Depends = append(p.Depends, q.value)
	case "keywords":
		p.AUR.Keywords = append(p.AUR.Keywords, q.value)
	}
	return p
}

// toPackage is a record of the AUR as everyone here knows packages.
func toPackage(r *aur.Pkg) wire.Package {
	return wire.Package{
		Repo: wire.SourceAUR, Name: r.Name, Version: r.Version, Desc: r.Description, URL: r.URL, Base: r.PackageBase,
		Groups: r.Groups, Licenses: r.License, Provides: r.Provides, Depends: r.Depends, OptDepends: r.OptDepends,
		MakeDepends: r.MakeDepends, CheckDepends: r.CheckDepends, Conflicts: r.Conflicts, Replaces: r.Replaces,
		AUR: &wire.AUR{
			Votes: uint32(min(max(r.NumVotes, 0), math.MaxUint32)), Popularity: r.Popularity, OutOfDate: int64(r.OutOfDate),
			Maintainer: r.Maintainer, Submitter: r.Submitter, CoMaintainers: r.CoMaintainers,
			Submitted: int64(r.FirstSubmitted), Modified: int64(r.LastModified), Keywords: r.Keywords, URLPath: r.URLPath,
		},
	}
}
