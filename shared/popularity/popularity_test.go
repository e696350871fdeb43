package popularity

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// reply returns a reply of pkgstats with these elements of its list.
func reply(elements ...string) string {
	return `{"total":123,"count":` + strconv.Itoa(len(elements)) + `,"packagePopularities":[` + strings.Join(elements, ",") + `],"limit":10000,"offset":0,"query":""}` + "\n"
}

// element returns an element of the list, as pkgstats writes it.
func element(name, percent string) string {
	return `{"name":"` + name + `","samples":20000,"count":20,"popularity":` + percent + `,"startMonth":202610,"endMonth":202610}`
}

// write writes a file and returns its path.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "popularity.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestRead(t *testing.T) {
	path := write(t, reply(element("pacman", "100"), element("firefox", "60.05"), element("rare", "0.08"), element("none", "0"), element("rounded", "0.125")))
	shares, err := Read(t.Context(), path)
	require.NoError(t, err)
	digest, err := sourcefile.DigestOfPath(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, digest, shares.SHA256)
	require.Equal(t, 5, shares.Len())
	for name, want := range map[string]Share{"pacman": MaxShare, "firefox": 6005, "rare": 8, "none": 0, "rounded": 13} {
		share, ok := shares.Of(name)
		require.True(t, ok, name)
		require.Equal(t, want, share, name)
	}
	_, ok := shares.Of("Firefox")
	require.False(t, ok)
	_, ok = (*Shares)(nil).Of("firefox")
	require.False(t, ok)
	require.InDelta(t, 60.05, Share(6005).Percent(), 0)

	kept, err := ReadKept(path, func(uid uint32) bool { return int(uid) == os.Getuid() })
	require.NoError(t, err)
	require.Equal(t, shares, kept)
	_, err = ReadKept(path, func(uint32) bool { return false })
	require.ErrorContains(t, err, path)
	_, err = ReadKept(path+".none", func(uint32) bool { return true })
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// keys returns the inside of an object with n keys.
func keys(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"key%d":0`, i))
	}
	return strings.Join(all, ",")
}

// TestRead_Refused checks that anything else than a reply of pkgstats is refused as a whole, with a line that says why.
func TestRead_Refused(t *testing.T) {
	good := element("bash", "99")
	for content, why := range map[string]string{
		"<!DOCTYPE html>\n<html>":        "at byte 0: invalid character",
		"[]":                             "it is not a JSON object",
		"null":                           "it is not a JSON object",
		"{}":                             "packagePopularities is missing",
		" ":                              "truncated",
		reply():                          "it has no packages",
		`{"packagePopularities":{}}`:     "packagePopularities is not an array",
		`{"packagePopularities":null}`:   "packagePopularities is not an array",
		`{"packagePopularities":["x"]}`:  "a package is not an object",
		reply(good)[:60]:                 "truncated",
		reply(good) + "x":                "the JSON object is not all of it",
		reply(good) + reply(good):        "the JSON object is not all of it",
		reply(good, good):                `it has the package "bash" twice`,
		reply(`{"popularity":1}`):        "a package has no name",
		reply(element("", "1")):          "a package has no name",
		reply(`{"name":7}`):              "a name is not a string",
		reply(`{"name":"x"}`):            `the popularity of "x" is not a number from 0 to 100`,
		reply(element("x", "-0.01")):     `the popularity of "x" is not a number from 0 to 100`,
		reply(element("x", "100.01")):    `the popularity of "x" is not a number from 0 to 100`,
		reply(element("x", "1e999")):     "popularity is too large",
		reply(element("x", `"1"`)):       "popularity is not a number",
		reply(element("x", "NaN")):       "invalid character",
		reply(element("x", "null")):      "popularity is not a number",
		reply(element("\xff", "1")):      "invalid UTF-8",
		reply(element(`\ud800`, "1")):    "invalid surrogate pair",
		reply(`{"name":"x","name":"y"}`): "duplicate object member name",
		reply(element(strings.Repeat("x", 256), "1")):                               "a name has 256 bytes",
		strings.Replace(reply(good), `"count":1`, `"count":2`, 1):                   "count is not the number of packages, which is 1",
		strings.Replace(reply(good), `"count":1`, `"count":"1"`, 1):                 "count is not a number",
		strings.Replace(reply(good), `"count":1,`, "", 1):                           "count is not the number of packages",
		strings.Replace(reply(good), `"total":123`, `"total":`+nested(1<<20), 1):    "more than 16 values are inside each other",
		strings.Replace(reply(good), `"samples":20000`, `"samples":`+nested(99), 1): "more than 16 values are inside each other",
		strings.Replace(reply(good), `"total":123`, `"total":{`+keys(2000)+`}`, 1):  "a value that is not used has more than 1000 values",
		strings.Replace(reply(good), `"total":123`, keys(2000), 1):                  "an object has more than 100 keys",
		strings.Replace(reply(good), `"samples":20000`, keys(2000), 1):              "an object has more than 100 keys",
		strings.Replace(reply(good), `[`, nested(1<<20), 1):                         "a package is not an object",
		`{"packagePopularities":[` + strings.Repeat(" ", MaxBytes) + `],"count":0}`: "at most 16777216 are allowed",
	} {
		_, err := Read(t.Context(), write(t, content))
		require.ErrorIs(t, err, ErrFormat, "%.100q", content)
		require.ErrorContains(t, err, why, "%.100q", content)
		require.NotContains(t, err.Error(), "\n")
		require.Less(t, len(err.Error()), 400)
		_, err = ReadKept(write(t, content), func(uint32) bool { return true })
		require.Error(t, err, "%.100q", content)
	}
	_, err := Read(t.Context(), write(t, ""))
	require.ErrorIs(t, err, sourcefile.ErrEmpty)
}

// nested returns the beginning of arrays inside each other.
func nested(depth int) string { return strings.Repeat("[", depth) }

func TestRead_TooManyPackages(t *testing.T) {
	elements := make([]string, maxPackages+1)
	for i := range elements {
		elements[i] = `{"name":"` + strconv.Itoa(i) + `","popularity":1}`
	}
	_, err := Read(t.Context(), write(t, reply(elements...)))
	require.ErrorContains(t, err, "it has more than 100000 packages")
	shares, err := Read(t.Context(), write(t, reply(elements[1:]...)))
	require.NoError(t, err)
	require.Equal(t, maxPackages, shares.Len())
}

// TestRead_Additions checks that keys that pkgstats may add are ignored.
func TestRead_Additions(t *testing.T) {
	content := strings.Replace(reply(element("bash", "99")), `"total":123`, `"links":{"next":["x",{"y":null}]}`, 1)
	shares, err := Read(t.Context(), write(t, content))
	require.NoError(t, err)
	require.Equal(t, 1, shares.Len())
}

// FuzzParse checks that a reply is either refused, or has at least one package and only shares up to 100 percent.
func FuzzParse(f *testing.F) {
	f.Add(reply(element("bash", "99"), element("x", "0.5")))
	f.Add(reply(element("x", "1e-7")))
	f.Add(`{"packagePopularities":[[[[{}]]]],"count":1}`)
	f.Fuzz(func(t *testing.T, content string) {
		s := &Shares{}
		if err := s.parse(strings.NewReader(content)); err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		require.Positive(t, s.Len())
		for name, share := range s.byName {
			require.NotEmpty(t, name)
			require.LessOrEqual(t, share, MaxShare)
		}
	})
}

// TestReply checks that shares are the same after they were written as a reply.
func TestReply(t *testing.T) {
	byName := map[string]Share{"a": 0, "b": 1, "c\"\\": 1234, "é": 5000, "z": MaxShare}
	s, err := New(byName)
	require.NoError(t, err)
	require.Equal(t, `{"count":5,"packagePopularities":[
{"name":"a","popularity":0},
{"name":"b","popularity":0.01},
{"name":"c\"\\","popularity":12.34},
{"name":"z","popularity":100},
{"name":"é","popularity":50}
]}
`, string(s.Reply()))
	again, err := Read(t.Context(), write(t, string(s.Reply())))
	require.NoError(t, err)
	require.Equal(t, s, again)
	require.Equal(t, byName, maps.Collect(again.All()))

	every := map[string]Share{}
	for share := range MaxShare + 1 {
		every[strconv.Itoa(int(share))] = share
	}
	_, err = New(every)
	require.NoError(t, err, "each share is read as it was written")
}

func TestNew_Refused(t *testing.T) {
	for name, byName := range map[string]map[string]Share{
		"none": {}, "too large": {"a": MaxShare + 1}, "no name": {"": 1}, "a long name": {strings.Repeat("a", maxName+1): 1}, "not UTF-8": {"\xff": 1},
	} {
		_, err := New(byName)
		require.ErrorIs(t, err, ErrFormat, name)
	}
}
