package aur

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/klauspost/compress/gzip"

	"github.com/omg-arch/omg/shared/wire"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// unpack reads a dump, and returns a package for each name in it.
func unpack(path string) ([]wire.Package, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var records []struct{ Name string }
	if err := json.NewDecoder(z).Decode(&records); err != nil {
		return nil, err
	}
	var packages []wire.Package
	for _, r := range records {
		packages = append(packages, wire.Package{Repo: wire.SourceAUR, Name: r.Name, Version: "1-1"})
	}
	return packages, nil
}
