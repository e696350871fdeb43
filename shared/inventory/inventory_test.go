package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// example returns an inventory with a value in each kind of field.
func example() *Inventory {
	two, no := uint32(2), false
	return &Inventory{
		Schema: Schema, Host: "web1", Identity: strings.Repeat("0a", 16), At: 1_700_000_000, OmgVersion: "v1", Daemon: true,
		Parts: []Part{{PartPackages, PartOK, ""}, {PartAdvisories, PartUnknown, "no data"}}, Counts: wire.Counts{Installed: &two},
		PartialCounts: []string{"foreign"}, Sources: []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceStale, Why: "old", AsOf: 5}},
		Kernel: "6.17.1-arch1-1", RebootNeeded: &no,
		Updates:    []HostUpdate{{Name: "xz", Installed: "5.6.1-1", Version: "5.6.2-1", Repo: "core", Severity: "High"}},
		Advisories: []Vulnerable{{Name: "xz", Installed: "5.6.1-1", Advisories: []HostAdvisory{{"AVG-1", "High", "fixable"}}}},
		Findings:   []HostFinding{},
		Packages: []HostPackage{
			{Name: "xz", Version: "5.6.1-1", Arch: "x86_64", Reason: "dependency", InstalledAt: 7, BuiltAt: 6, Repo: "core", Desc: `a "compressor" \ ü \u001b`, Groups: []string{"base"}, Provides: []string{"liblzma.so=5-64"}},
			{Name: "yay", Version: "12-1", Foreign: true, Desc: "\x1b[31m<b>\u202e\xff"},
		},
	}
}

// read reads a document with all packages.
func read(text string) (*Inventory, error) {
	var packages []HostPackage
	r := Reader{VisitPackage: func(p *HostPackage) error { packages = append(packages, *p); return nil }}
	v, err := r.Read([]byte(text))
	if err == nil {
		v.Packages = packages
	}
	return v, err
}

func TestRead_Encoded(t *testing.T) {
	text, err := Encode(example())
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(text), "}\n"))
	require.NotContains(t, string(text), "\u202e", "no character that a terminal would obey")
	got, err := read(string(text))
	require.NoError(t, err)
	var want Inventory
	require.NoError(t, json.Unmarshal(text, &want))
	require.Equal(t, &want, got)
	require.Equal(t, PartUnknown, got.FindPart(PartUpdates).State)
	require.Equal(t, "no data", got.FindPart(PartAdvisories).Why)
}

// TestRead_Unknown checks that what is unknown stays unknown.
func TestRead_Unknown(t *testing.T) {
	text, err := Encode(&Inventory{Schema: Schema, Host: "h", At: 1})
	require.NoError(t, err)
	require.Contains(t, string(text), `"updates":null,"advisories":null,"aur_findings":null,"packages":null`)
	got, err := read(string(text))
	require.NoError(t, err)
	require.Nil(t, got.Counts.Installed)
	require.Nil(t, got.Updates)
	require.Nil(t, got.RebootNeeded)
}

func TestRead_OnlyNames(t *testing.T) {
	text, err := Encode(example())
	require.NoError(t, err)
	var seen []string
	r := Reader{OnlyNames: true, VisitPackage: func(p *HostPackage) error { seen = append(seen, p.Name+" "+p.Version+p.Desc); return nil }}
	_, err = r.Read(text)
	require.NoError(t, err)
	require.Equal(t, []string{"xz 5.6.1-1", "yay 12-1"}, seen)
}

// TestRead_Wanted checks that only the packages with the given names are visited, but that the others are checked too.
func TestRead_Wanted(t *testing.T) {
	text, err := Encode(example())
	require.NoError(t, err)
	var seen []string
	r := Reader{Wanted: map[string]bool{"yay": true, "none": true}, VisitPackage: func(p *HostPackage) error { seen = append(seen, p.Name+" "+p.Version); return nil }}
	_, err = r.Read(text)
	require.NoError(t, err)
	require.Equal(t, []string{"yay 12-1"}, seen)
	for _, wrong := range []string{`{"name":"xz"}`, `{"version":"1"}`, `{"name":"xz","version":1}`, `{"name":"xz","version":"1"`} {
		_, err = r.Read([]byte(`{"schema":1,"host":"h","at":1,"packages":[` + wrong + `]}`))
		require.Error(t, err, wrong)
	}
	seen = nil
	_, err = r.Read([]byte(`{"schema":1,"host":"h","at":1,"packages":[{"version":"1","name":"\u0079ay"}]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"yay 1"}, seen, "with an escape, and in another order")
}

// TestRead_NoLists checks that the lists are not read, but must be valid JSON.
func TestRead_NoLists(t *testing.T) {
	v := example()
	text, err := Encode(v)
	require.NoError(t, err)
	r := Reader{NoLists: true}
	got, err := r.Read(text)
	require.NoError(t, err)
	v.Updates, v.Advisories, v.Findings, v.Packages = nil, nil, nil, nil
	require.Equal(t, v, got)
	for _, field := range []string{"updates", "advisories", "aur_findings"} {
		_, err = r.Read([]byte(`{"schema":1,"host":"h","at":1,"packages":[],"` + field + `":[{]}`))
		require.ErrorIs(t, err, errSyntax)
	}
}

// TestRead_KeepsNothing checks that the result does not change if the memory of the text is used again.
func TestRead_KeepsNothing(t *testing.T) {
	text, err := Encode(example())
	require.NoError(t, err)
	want, err := read(string(text))
	require.NoError(t, err)
	var packages []HostPackage
	r := Reader{VisitPackage: func(p *HostPackage) error { packages = append(packages, *p); return nil }}
	got, err := r.Read(text)
	require.NoError(t, err)
	for i := range text {
		text[i] = '#'
	}
	got.Packages = packages
	require.Equal(t, want, got)
}

func TestRead_Refused(t *testing.T) {
	head := `"schema":1,"host":"h","at":1`
	for text, want := range map[string]string{
		``:                                  "not valid JSON",
		`{}`:                                "not the document of omg inventory",
		`[]`:                                "not valid JSON",
		`{` + head + `}`:                    "not the document of omg inventory",
		`{` + head + `,"packages":null`:     "not valid JSON",
		`{` + head + `,"packages":null} {}`: "text follows the document",
		`{` + head + `,"packages":null}` + "\x00":                                                                                  "text follows the document",
		`{` + head + `,"packages":null,"packages":null}`:                                                                           `it has the field "packages" twice`,
		`{"schema":2,"host":"h","at":1,"packages":[]}`:                                                                             "its schema is 2, but this program reads 1",
		`{"schema":1,"host":"","at":1,"packages":[]}`:                                                                              "the name of its host",
		`{"schema":1,"host":"` + strings.Repeat("x", 256) + `","at":1,"packages":[]}`:                                              "the name of its host",
		`{"schema":1,"host":"h","packages":[]}`:                                                                                    "its time is missing",
		`{` + head + `,"identity":"xyz","packages":[]}`:                                                                            "its identity",
		`{` + head + `,"packages":[{}]}`:                                                                                           "has no name",
		`{` + head + `,"packages":[{"name":"a","version":"1","installed_at":1.5}]}`:                                                "1.5 is not a time",
		`{` + head + `,"packages":[{"name":"a","version":"1","foreign":1}]}`:                                                       "neither true nor false",
		`{` + head + `,"packages":[{"name":"a` + "\n" + `","version":"1"}]}`:                                                       "not valid JSON",
		`{` + head + `,"packages":[{"name":"a\q","version":"1"}]}`:                                                                 "not valid JSON",
		`{` + head + `,"packages":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`:                                  "not valid JSON",
		`{` + head + `,"later":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`:                                       "deeper than 32 levels",
		`{` + head + `,"parts":"x","packages":[]}`:                                                                                 `"parts": json: cannot unmarshal`,
		`{` + head + `,"parts":[` + strings.Repeat("{},", maxValue/3) + `{}],"packages":[]}`:                                       `"parts": it is longer than 2048 kB`,
		`{` + head + `,"packages":[` + strings.Repeat(`{"name":"a","version":"1"},`, maxPackages) + `{"name":"a","version":"1"}]}`: "more than 200000 packages",
	} {
		_, err := read(text)
		require.ErrorContains(t, err, want, "%.80s", text)
	}
	many := &strings.Builder{}
	for i := range 300 {
		fmt.Fprintf(many, `"f%d":0,`, i)
	}
	_, err := read(`{` + many.String() + head + `,"packages":[]}`)
	require.ErrorContains(t, err, "more than 256 fields")
	_, err = read(`{"later":{"a":[1,-2.5e3,true,null,"\u00e9"]},` + head + `,"packages": [ ] }` + "\n")
	require.NoError(t, err, "fields of a later version are skipped")
}

// TestInstalled_Search checks that the words of a search find a package of an inventory.
func TestInstalled_Search(t *testing.T) {
	p := example().Packages[0].Installed()
	for word, want := range map[string]bool{"XZ": true, "compressor": true, "provides:liblzma": true, "group:=base": true, "is:explicit": false, "repo:core": true, "repo:extra": false} {
		q, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: []string{word}})
		require.NoError(t, err)
		require.Equal(t, want, q.MatchInstalled(&p), word)
	}
}

// FuzzRead checks that Read accepts only JSON, and that it agrees with encoding/json about the packages.
func FuzzRead(f *testing.F) {
	text, err := Encode(example())
	require.NoError(f, err)
	f.Add(string(text))
	f.Add(`{"schema":1,"host":"h","at":1,"packages":[{"name":"a","version":"1","x":[{"y":-1e5}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := read(text)
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(text)), "%q", text)
		var raw struct {
			Packages []map[string]json.RawMessage `json:"packages"`
		}
		if json.Unmarshal([]byte(text), &raw) == nil && len(raw.Packages) == len(v.Packages) {
			for i, p := range raw.Packages {
				var name string
				if json.Unmarshal(p["name"], &name) == nil {
					require.Equal(t, name, v.Packages[i].Name)
				}
			}
		}
		encoded, err := Encode(v)
		require.NoError(t, err)
		again, err := read(string(encoded))
		require.NoError(t, err)
		if len(v.Packages) == 0 {
			v.Packages, again.Packages = nil, nil
		}
		second, err := Encode(again)
		require.NoError(t, err)
		require.Equal(t, string(encoded), string(second))
	})
}

func BenchmarkRead(b *testing.B) {
	v := example()
	for len(v.Packages) < 1200 {
		p := v.Packages[0]
		p.Desc = "A library of functions for the command line, and its documentation"
		p.Name = fmt.Sprintf("package-%d", len(v.Packages))
		v.Packages = append(v.Packages, p)
	}
	text, err := Encode(v)
	require.NoError(b, err)
	for name, r := range map[string]Reader{
		"state": {}, "names": {OnlyNames: true, VisitPackage: func(*HostPackage) error { return nil }}, "all": {VisitPackage: func(*HostPackage) error { return nil }},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
