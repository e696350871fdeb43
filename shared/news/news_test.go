package news

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func trustsSelf(uid uint32) bool { return int(uid) == os.Getuid() }

func someItem() wire.NewsItem {
	return wire.NewsItem{NewsHeadline: wire.NewsHeadline{ID: "1", Title: "a <b> & c", URL: "https://a.example/", PublishedAt: 5}, Text: "x\ny"}
}

func TestFile(t *testing.T) {
	path := Path(t.TempDir())
	_, err := Read(path, trustsSelf)
	require.ErrorIs(t, err, fs.ErrNotExist)
	f := &File{URL: "https://a.example/feed", ETag: `"1"`, LastModified: "x", ConfirmedAt: 6, Items: []wire.NewsItem{someItem()}}
	require.NoError(t, f.Write(path))
	got, err := Read(path, trustsSelf)
	require.NoError(t, err)
	require.Equal(t, f, got)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"title":"a <b> & c"`, "for people who look into the file")

	_, err = Read(path, func(uint32) bool { return false })
	require.ErrorContains(t, err, path)
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = Read(path, trustsSelf)
	require.ErrorContains(t, err, "other users can write it")
	require.Error(t, f.Write(filepath.Join(path, "x")))
}

// TestRead_Limits checks that the largest items can be read, and that larger ones are refused.
func TestRead_Limits(t *testing.T) {
	path := Path(t.TempDir())
	largest := &File{URL: strings.Repeat("u", 2000), ConfirmedAt: 1}
	for range wire.MaxNewsItems {
		largest.Items = append(largest.Items, wire.NewsItem{
			NewsHeadline: wire.NewsHeadline{ID: strings.Repeat("i", wire.MaxNewsID), Title: strings.Repeat(`"`, wire.MaxNewsTitle), URL: strings.Repeat("u", wire.MaxNewsURL)},
			Text:         strings.Repeat("\n", wire.MaxNewsText),
		})
	}
	require.NoError(t, largest.Write(path))
	got, err := Read(path, trustsSelf)
	require.NoError(t, err)
	require.Equal(t, largest, got)

	for name, spoil := range map[string]func(*File){
		"items":   func(f *File) { f.Items = make([]wire.NewsItem, wire.MaxNewsItems+1) },
		"ID":      func(f *File) { f.Items[0].ID += "i" },
		"no ID":   func(f *File) { f.Items[0].ID = "" },
		"title":   func(f *File) { f.Items[0].Title += "t" },
		"address": func(f *File) { f.Items[0].URL += "u" },
		"text":    func(f *File) { f.Items[0].Text += "x" },
		"time":    func(f *File) { f.ConfirmedAt = 0 },
	} {
		f := *largest
		f.Items = append([]wire.NewsItem{}, largest.Items...)
		spoil(&f)
		require.NoError(t, f.Write(path))
		_, err := Read(path, trustsSelf)
		require.ErrorIs(t, err, ErrFormat, name)
	}
	for _, text := range []string{"", "{}", "null", "<html>", `{"schema":2,"confirmed":1,"items":[]}`, strings.Repeat(" ", maxFileSize+1)} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := Read(path, trustsSelf)
		require.ErrorContains(t, err, path)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema":1,"url":"https://a.example/","confirmed":5,"items":[{"id":"1","title":"a","published":5,"text":"x"}]}`))
	f.Add([]byte(`{"schema":1,"confirmed":5,"items":null}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := parse(content)
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		require.LessOrEqual(t, len(got.Items), wire.MaxNewsItems)
		for i := range got.Items {
			require.LessOrEqual(t, len(got.Items[i].Text), wire.MaxNewsText)
		}
	})
}
