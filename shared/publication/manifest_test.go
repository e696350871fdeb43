package publication

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	hashC = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	hashD = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
)

// wholeManifest has every member of a manifest.
const wholeManifest = `{
  "format": 1,
  "sequence": 1790000000,
  "created": 1790000000,
  "expires": 1790172800,
  "note": "example",
  "sources": [
    {
      "kind": "repository",
      "name": "core",
      "architecture": "x86_64",
      "server": "https://example.org/core/os/x86_64",
      "as_of": 1789990000,
      "size": 400,
      "sha256": "` + hashA + `",
      "index": {
        "format": 3,
        "size": 900,
        "sha256": "` + hashD + `"
      },
      "object": {
        "size": 100,
        "sha256": "` + hashB + `"
      },
      "patches": [
        {
          "from": "` + hashC + `",
          "size": 30,
          "object": {
            "size": 20,
            "sha256": "` + hashD + `"
          }
        }
      ]
    }
  ]
}
`

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest([]byte(wholeManifest))
	require.NoError(t, err)
	require.Equal(t, &Manifest{
		Header: Header{Format: 1, Sequence: 1790000000, Created: 1790000000, Expires: 1790172800},
		Note:   "example",
		Sources: []Source{{
			Kind: "repository", Name: "core", Architecture: "x86_64", Server: "https://example.org/core/os/x86_64", AsOf: 1789990000, Size: 400, SHA256: hashA,
			Index:   &Index{Format: 3, Size: 900, SHA256: hashD},
			Object:  Object{Size: 100, SHA256: hashB},
			Patches: []Patch{{From: hashC, Size: 30, Object: Object{Size: 20, SHA256: hashD}}},
		}},
	}, m)
	require.Equal(t, "objects/bb/"+hashB+".zst", m.Sources[0].Object.Name())
	require.Equal(t, []Object{{100, hashB}, {20, hashD}}, m.Sources[0].Objects())
	again, err := m.Encode()
	require.NoError(t, err)
	require.Equal(t, wholeManifest, string(again))
	_, err = ParseManifest([]byte(strings.Replace(wholeManifest, `"note"`, `"later": [{}], "note"`, 1)))
	require.NoError(t, err, "an unknown member")
}

// TestParseManifest_Wrong changes a manifest in one place, and checks the error.
func TestParseManifest_Wrong(t *testing.T) {
	for name, c := range map[string]struct{ old, replaced, want string }{
		"a later format":          {"\"format\": 1,\n  \"sequence\": 1790000000", `"format": 2, "sequence": "x"`, "format 2 instead of 1: update omg"},
		"no format":               {`"format": 1,`, ``, "format 0 instead of 1"},
		"a text":                  {`"sequence": 1790000000`, `"sequence": "1790000000"`, "sequence"},
		"a fraction":              {`"sequence": 1790000000`, `"sequence": 1.5`, "sequence"},
		"a large number":          {`"sequence": 1790000000`, `"sequence": 9007199254740993`, "sequence 9007199254740993"},
		"a number of 65 bits":     {`"sequence": 1790000000`, `"sequence": 18446744073709551616`, "sequence"},
		"no sequence":             {`"sequence": 1790000000,`, ``, "sequence 0"},
		"twice":                   {`"sequence": 1790000000,`, `"sequence": 1790000000, "sequence": 2,`, "duplicate"},
		"expired when created":    {`"expires": 1790172800`, `"expires": 1790000000`, "expires 1790000000"},
		"valid for years":         {`"expires": 1790172800`, `"expires": 1890172800`, "not within 90 days"},
		"a long note":             {"example", strings.Repeat("x", MaxNoteBytes+1), "note"},
		"a note for a terminal":   {"example", `\u001b[2J`, "note"},
		"no sources":              {`"sources"`, `"other"`, "no list of sources"},
		"sources null":            {wholeManifest[strings.Index(wholeManifest, `"sources"`):], `"sources": null}`, "no list of sources"},
		"a source null":           {`"sources": [`, `"sources": [null,`, "source 1: kind"},
		"a kind":                  {`"repository"`, `"Repository"`, "source 1: kind"},
		"an empty name":           {`"core"`, `""`, "source 1: name"},
		"a path":                  {`"core"`, `"a/b"`, "source 1: name"},
		"a directory":             {`"core"`, `".."`, "source 1: name"},
		"a name with newline":     {`"core"`, `"a\nb"`, "source 1: name"},
		"a long name":             {`"core"`, `"` + strings.Repeat("x", 256) + `"`, "source 1: name"},
		"an architecture":         {`"x86_64"`, `"x86/64"`, "source 1: architecture"},
		"a server":                {`"https://example.org/`, `"example.org/`, "source 1: server"},
		"a server with a space":   {`"https://example.org/`, `"https://example.org /`, "source 1: server"},
		"a server for a terminal": {`"https://example.org/`, `"https://example.org\u001b[2J/`, "source 1: server"},
		"a long server":           {`"https://example.org/`, `"https://` + strings.Repeat("x", 2048), "source 1: server"},
		"no time":                 {`"as_of": 1789990000,`, ``, "as_of 0"},
		"a negative size":         {`"size": 400`, `"size": -1`, "size -1"},
		"a large content":         {`"size": 400`, fmt.Sprintf(`"size": %d`, MaxContentBytes+1), "size 4294967297"},
		"a short hash":            {hashA, hashA[1:], "sha256"},
		"upper case":              {hashA, strings.ToUpper(hashA), "sha256"},
		"a hash with a path":      {hashB, "../" + hashB[3:], "object"},
		"an empty object":         {`"size": 100`, `"size": 0`, "object"},
		"a large object":          {`"size": 100`, fmt.Sprintf(`"size": %d`, MaxObjectBytes+1), "object"},
		"an index":                {`"format": 3`, `"format": 0`, "index"},
		"a patch":                 {hashC, "", "patch 1"},
		"a patch's object":        {`"size": 20`, `"size": -20`, "patch 1"},
		"not UTF-8":               {"example", "\xff", "UTF-8"},
		"more after it":           {"]\n}\n", "]\n}\n{}", "after top-level value"},
		"truncated":               {"]\n}\n", "]\n", "unexpected EOF"},
		"many brackets":           {`"example"`, strings.Repeat("[", maxBrackets), "brackets"},
		"a large document":        {`"example"`, `"` + strings.Repeat("x", MaxManifestBytes) + `"`, "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, wholeManifest, c.old)
			m, err := ParseManifest([]byte(strings.Replace(wholeManifest, c.old, c.replaced, 1)))
			require.Nil(t, m)
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 1000)
		})
	}
}

func TestParseManifest_Limits(t *testing.T) {
	m := &Manifest{Header: Header{Sequence: 1, Created: 1, Expires: 2}, Sources: []Source{}}
	for i := range MaxSources + 1 {
		m.Sources = append(m.Sources, Source{Kind: "repository", Name: fmt.Sprint(i), AsOf: 1, SHA256: hashA, Object: Object{1, hashB}})
	}
	_, err := m.Encode()
	require.ErrorContains(t, err, "more than 256 sources")
	m.Sources = m.Sources[:MaxSources]
	_, err = m.Encode()
	require.NoError(t, err)
	m.Sources[1].Name = "0"
	_, err = m.Encode()
	require.EqualError(t, err, "source 2: repository 0 is in the list twice")
	m.Sources[1].Architecture = "x86_64"
	for i := range m.Sources {
		for range MaxPatches {
			m.Sources[i].Patches = append(m.Sources[i].Patches, Patch{From: hashA, Object: Object{1, hashB}})
		}
	}
	_, err = m.Encode()
	require.ErrorContains(t, err, "more than 1048576")
	m.Sources[0].Patches = append(m.Sources[0].Patches, m.Sources[0].Patches[0])
	_, err = m.Encode()
	require.ErrorContains(t, err, "more than 32 patches")
}

func TestParseStatement(t *testing.T) {
	_, one := newKey(t)
	_, two := newKey(t)
	s := &Statement{Header: Header{Sequence: 1, Created: 100, Expires: 200}, Keys: []string{one, two}}
	document, err := s.Encode()
	require.NoError(t, err)
	parsed, err := ParseStatement(document)
	require.NoError(t, err)
	require.Equal(t, s, parsed)
	many := make([]string, MaxOnlineKeys+1)
	for i := range many {
		_, many[i] = newKey(t)
	}
	for name, wrong := range map[string]*Statement{
		"no list":         {Header: s.Header},
		"not a key":       {s.Header, []string{"RWQ"}},
		"a file of a key": {s.Header, []string{"untrusted comment: x\n" + one}},
		"twice":           {s.Header, []string{one, one}},
		"many":            {s.Header, many},
		"no time":         {Header{Format: 1, Sequence: 1}, []string{one}},
		"a long time":     {Header{Format: 1, Sequence: 1, Created: 1, Expires: 1 + int64(3*366*24*time.Hour/time.Second)}, []string{one}},
	} {
		_, err := wrong.Encode()
		require.Error(t, err, name)
	}
	for name, text := range map[string]string{
		"null":  `{"format":1,"sequence":1,"created":100,"expires":200,"keys":null}`,
		"large": strings.Repeat(" ", MaxStatementBytes) + string(document),
		"twice": strings.Replace(string(document), one, two, 1),
	} {
		_, err := ParseStatement([]byte(text))
		require.ErrorIs(t, err, ErrFormat, name)
	}
}

// FuzzParseManifest checks that no document makes the parser panic, and that an accepted one has the same meaning after it was encoded again.
func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(wholeManifest))
	f.Add([]byte(`{"format":1,"sequence":1,"created":1,"expires":2,"sources":[]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := ParseManifest(document)
		if err != nil {
			require.Nil(t, m)
			return
		}
		for _, s := range m.Sources {
			for _, o := range s.Objects() {
				require.Regexp(t, `^objects/[0-9a-f]{2}/[0-9a-f]{64}\.zst$`, o.Name())
			}
		}
		again, err := m.Encode()
		if err != nil { // the spaces make it larger than the limit
			require.ErrorContains(t, err, "would have")
			return
		}
		parsed, err := ParseManifest(again)
		require.NoError(t, err)
		repeated, err := parsed.Encode()
		require.NoError(t, err)
		require.Equal(t, string(again), string(repeated))
	})
}

// FuzzParseStatement is like FuzzParseManifest.
func FuzzParseStatement(f *testing.F) {
	_, key := newKey(f)
	s := &Statement{Header: Header{Sequence: 1, Created: 100, Expires: 200}, Keys: []string{key}}
	document, err := s.Encode()
	require.NoError(f, err)
	f.Add(document)
	f.Add([]byte(`{"format":1,"sequence":1,"created":1,"expires":2,"keys":[]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := ParseStatement(document)
		if err != nil {
			require.Nil(t, s)
			return
		}
		again, err := s.Encode()
		require.NoError(t, err)
		parsed, err := ParseStatement(again)
		require.NoError(t, err)
		require.Equal(t, s, parsed)
	})
}
