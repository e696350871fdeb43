package fakeserver

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// Mirror serves the files of a directory like a mirror of repositories: with their modification times, with an ETag
// made of time and size, and with status 304 if the client already has the file.
type Mirror struct{ Dir string }

func (m Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(filepath.Join(m.Dir, filepath.Base(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, fi.ModTime().Unix(), fi.Size()))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", fi.ModTime(), f)
}
