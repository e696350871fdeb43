package pacmandb

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// FuzzReadSync reads random bytes as a sync database; the seeds include a database in every compression.
func FuzzReadSync(f *testing.F) {
	for _, b := range compressions(f) {
		f.Add(b)
	}
	for _, odd := range oddDatabases {
		f.Add(archive(f, odd.files...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var out SyncFile
		calls := 0
		read := func(hold bool) error {
			calls, out = 0, SyncFile{}
			bounds := limits{bytes: 1 << 20, held: 1 << 18, desc: 1 << 16, packages: 1000}
			r := syncReader{repo: "t", out: &out, limits: bounds, holdAll: hold, onPackage: func(p *wire.Package) error {
				calls++
				require.NotEmpty(t, p.Name)
				require.Contains(t, p.Version, "-")
				return nil
			}}
			return r.read(context.Background(), bytes.NewReader(b))
		}
		err := read(false)
		if errors.Is(err, errPackageFilesScattered) {
			err = read(true)
		}
		require.Equal(t, out.PackageCount, calls)
		require.LessOrEqual(t, out.DescBytes, int64(1<<20))
		if err != nil {
			known := false
			for _, sort := range []error{sourcefile.ErrTruncated, ErrNotDatabase, sourcefile.ErrDamaged, sourcefile.ErrOversize} {
				known = known || errors.Is(err, sort)
			}
			require.True(t, known, "%v", err)
		}
	})
}

// FuzzTar compares the files that tarReader finds in an archive with those that archive/tar finds, if both accept the
// archive.
func FuzzTar(f *testing.F) {
	f.Add(database(f))
	for _, odd := range oddDatabases {
		f.Add(archive(f, odd.files...))
	}
	f.Add(archive(f, file{strings.Repeat("long/", 60) + "desc", "x"}, file{strings.Repeat("l", 150) + "é/desc", "y"}))
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range []string{"a-1-1/desc", strings.Repeat("d", 90) + "/" + strings.Repeat("e", 90)} {
			h := &tar.Header{Name: name, Size: 3, Mode: 0o600, Format: format, Uid: 1 << 20}
			if format == tar.FormatPAX {
				h.PAXRecords = map[string]string{"SCHILY.fflags": "nocow"}
			}
			require.NoError(f, w.WriteHeader(h))
			_, err := io.WriteString(w, "abc")
			require.NoError(f, err)
		}
		require.NoError(f, w.Close())
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for at := 0; at+tarBlock <= len(b); at += tarBlock { // correct the headers' checksums, which are wrong in random bytes
			if string(b[at+257:at+262]) == "ustar" {
				b = resum(b, at)
			}
		}
		want, ok := plainTar(b)
		if !ok {
			return
		}
		got, err := ownTar(b)
		if err != nil {
			return
		}
		require.Equal(t, want, got)
	})
}

// plainTar lists the regular files of an archive with archive/tar. ok is false if the archive has features that
// tarReader does not support: sparse files or global attributes.
func plainTar(b []byte) (files []file, ok bool) {
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files, true
		}
		if err != nil || h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeXGlobalHeader {
			return nil, false
		}
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse") {
				return nil, false
			}
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont {
			text, err := io.ReadAll(r)
			if err != nil {
				return nil, false
			}
			files = append(files, file{h.Name, string(text)})
		}
	}
}

func ownTar(b []byte) (files []file, err error) {
	p := startPipe(bytes.NewReader(b), 1<<20)
	defer p.stop()
	r := tarReader{in: p, needsEndMark: true}
	for {
		name, size, err := r.next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if size > 1<<20 {
			return nil, sourcefile.ErrOversize
		}
		f := file{name: string(name)}
		text, err := r.body(size)
		if err != nil {
			return nil, err
		}
		f.text = string(text)
		files = append(files, f)
	}
}

// FuzzDesc compares the desc parser with a simple parser that works on strings.
func FuzzDesc(f *testing.F) {
	f.Add(desc("a", "1-1", "%DESC%\nx", "%GROUPS%\ng\nh", "%MD5SUM%\n0", "%CSIZE%\n12", "%BUILDDATE%\n1"))
	for _, odd := range oddDatabases {
		f.Add(odd.files[0].text)
	}
	f.Add("%DESC%\na\x00b\n\n%GROUPS%\ng\x00\n\x00h\n")
	f.Fuzz(func(t *testing.T, text string) {
		var d descParser
		d.begin("t", []byte("a-1-1"))
		d.parse([]byte(text))
		p, ok := d.finish()
		require.True(t, ok)
		want := slowDesc(text)
		require.Equal(t, want, clonePackage(p))

		d.begin("t", []byte("a-1-1")) // no value of the previous package may remain
		p, _ = d.finish()
		require.Equal(t, wire.Package{Repo: "t", Name: "a", Version: "1-1"}, clonePackage(p))
	})
}

// slowDesc parses a desc line by line, without any optimization.
func slowDesc(text string) wire.Package {
	lines := strings.Split(text, "\n")
	for i := range lines { // a zero byte ends a string in C
		lines[i], _, _ = strings.Cut(lines[i], "\x00")
	}
	next := func() (string, bool) {
		if len(lines) == 0 {
			return "", false
		}
		line := lines[0]
		lines = lines[1:]
		return line, true
	}
	p := wire.Package{Repo: "t", Name: "a", Version: "1-1"}
	var md5, sha, pgp, hasDesc bool
	var ignored string
	var sizes [2]string
	var date string
	ones := map[string]*string{
		"%NAME%": &ignored, "%VERSION%": &ignored, "%FILENAME%": &p.Filename, "%BASE%": &p.Base, "%DESC%": &p.Desc, "%URL%": &p.URL,
		"%ARCH%": &p.Arch, "%PACKAGER%": &p.Packager, "%SHA256SUM%": &p.SHA256, "%MD5SUM%": &ignored, "%PGPSIG%": &ignored,
		"%CSIZE%": &sizes[0], "%ISIZE%": &sizes[1], "%BUILDDATE%": &date,
	}
	present := map[string]*bool{"%MD5SUM%": &md5, "%SHA256SUM%": &sha, "%PGPSIG%": &pgp, "%DESC%": &hasDesc}
	lists := map[string]*[]string{
		"%GROUPS%": &p.Groups, "%LICENSE%": &p.Licenses, "%DEPENDS%": &p.Depends, "%OPTDEPENDS%": &p.OptDepends,
		"%MAKEDEPENDS%": &p.MakeDepends, "%CHECKDEPENDS%": &p.CheckDepends, "%CONFLICTS%": &p.Conflicts,
		"%PROVIDES%": &p.Provides, "%REPLACES%": &p.Replaces,
	}
	for key, ok := next(); ok; key, ok = next() {
		if one := ones[key]; one != nil {
			if line, ok := next(); ok {
				*one = line
				if present[key] != nil {
					*present[key] = true
				}
			}
		} else if list := lists[key]; list != nil {
			for line, ok := next(); ok && line != ""; line, ok = next() {
				*list = append(*list, line)
			}
		}
	}
	p.EmptyDesc = hasDesc && p.Desc == ""
	p.CSize, p.ISize, p.BuildDate = parseSize(sizes[0]), parseSize(sizes[1]), parseLocalDate(date)
	for i, here := range []bool{md5, sha, pgp} {
		if here {
			p.Validation = append(p.Validation, []string{"md5", "sha256", "pgp"}[i])
		}
	}
	return p
}

// FuzzConfig reads random text as a configuration that includes no other files.
func FuzzConfig(f *testing.F) {
	for _, text := range configs {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := configReader{config: &Config{}, fileName: "fuzz"}
		if err := r.handleLines(text, maxConfigLevels); err != nil {
			var where *ConfigError
			require.ErrorAs(t, err, &where)
			require.Positive(t, where.Line)
			require.LessOrEqual(t, where.Line, 1+strings.Count(text, "\n"))
			return
		}
		r.finish()
		names := map[string]bool{}
		for _, repo := range r.config.Repos {
			require.NotContains(t, repo.Name, "/")
			require.False(t, names[repo.Name], "twice")
			names[repo.Name] = true
			require.NotZero(t, repo.Usage)
		}
		require.NotEmpty(t, r.config.DBPath)
	})
}

// FuzzExpand expands random patterns in a directory with a few files.
func FuzzExpand(f *testing.F) {
	for _, pattern := range []string{"*", "?", "[ab]*", `\`, `\*`, "[", "[]", "[!a]", ".*", "*/*", "//", "a*/", `*\`, "**/x"} {
		f.Add(pattern)
	}
	dir := included(f)
	f.Fuzz(func(t *testing.T, pattern string) {
		if strings.Contains(pattern, "..") {
			return // the pattern would match files outside dir
		}
		if files, ok := expandGlob(dir+"/"+pattern, 100); ok {
			require.NotEmpty(t, files)
		}
	})
}
