package pacmandb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// MtreeEntry describes a file of a package, as it was when the package was built: an entry of the package's mtree(5) file.
type MtreeEntry struct {
	// Path is relative to the root directory, and does not begin with "./".
	Path string
	// Type is file, dir, link, or another type of mtree(5).
	Type     string
	UID, GID int64
	Mode     uint32 // the permission bits, with those for set-user-ID and the like
	Mtime    int64  // in Unix seconds
	Size     int64
	Link     string // the target of a link
	// MD5 and SHA256 are in lower-case hexadecimal; empty if the entry has none.
	MD5, SHA256 string
}

// Limits of an mtree file. Real ones have a few MiB.
const (
	maxMtreeBytes = 512 << 20
	maxMtreeLine  = 1 << 20
)

// ErrMtree means that an mtree file cannot be read.
var ErrMtree = errors.New("not an mtree file")

// ReadMtree passes each entry of an installed package's mtree file to the function visit, in the order of the file. The error wraps
// fs.ErrNotExist if the package has no such file, or ErrMtree.
func ReadMtree(dbpath string, p *Installed, visit func(*MtreeEntry)) error {
	data, err := ReadInstalledFile(dbpath, p, "mtree")
	if err != nil {
		return err
	}
	if err := parseMtree(bytes.NewReader(data), visit); err != nil {
		return &fs.PathError{Op: "read", Path: InstalledFilePath(dbpath, p, "mtree"), Err: err}
	}
	return nil
}

// parseMtree parses a file in the format of mtree(5), which may be compressed.
func parseMtree(in io.Reader, visit func(*MtreeEntry)) error {
	content, _, err := decompress(bufio.NewReader(in))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMtree, err)
	}
	defer content.Close()
	limited := &io.LimitedReader{R: content, N: maxMtreeBytes}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 64<<10), maxMtreeLine)
	defaults := MtreeEntry{Type: "file"}
	pending, first := "", true
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t")
		if first && !strings.HasPrefix(line, "#mtree") {
			return ErrMtree
		}
		first = false
		if body, continued := strings.CutSuffix(line, "\\"); continued {
			if pending += body; len(pending) > maxMtreeLine {
				return fmt.Errorf("%w: a line is too long", ErrMtree)
			}
			continue
		}
		line, pending = pending+line, ""
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0][0] == '#' || words[0] == "..":
		case words[0] == "/set":
			defaults.set(words[1:])
		case words[0] == "/unset":
			defaults.unset(words[1:])
		default:
			e := defaults
			e.Path = strings.TrimPrefix(unescapeMtree(words[0]), "./")
			e.set(words[1:])
			visit(&e)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%w: a line is too long", ErrMtree)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrMtree, err)
	case first:
		return ErrMtree
	case limited.N == 0:
		return fmt.Errorf("%w: larger than %d MiB", ErrMtree, maxMtreeBytes>>20)
	}
	return nil
}

// set stores the values of keywords.
func (e *MtreeEntry) set(keywords []string) {
	for _, word := range keywords {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "type":
			e.Type = value
		case "uid":
			e.UID, _ = strconv.ParseInt(value, 10, 64)
		case "gid":
			e.GID, _ = strconv.ParseInt(value, 10, 64)
		case "mode":
			mode, _ := strconv.ParseUint(value, 8, 32)
			e.Mode = uint32(mode) & 0o7777
		case "size":
			e.Size, _ = strconv.ParseInt(value, 10, 64)
		case "time":
			seconds, _, _ := strings.Cut(value, ".")
			e.Mtime, _ = strconv.ParseInt(seconds, 10, 64)
		case "link":
			e.Link = unescapeMtree(value)
		case "md5", "md5digest":
			e.MD5 = strings.ToLower(value)
		case "sha256", "sha256digest":
			e.SHA256 = strings.ToLower(value)
		}
	}
}

// unset removes the values of keywords.
func (e *MtreeEntry) unset(keywords []string) {
	for _, key := range keywords {
		if key == "all" {
			*e = MtreeEntry{Type: "file"}
			continue
		}
		value := "="
		if key == "type" {
			value = "=file"
		}
		e.set([]string{key + value})
	}
}

// unescapeMtree replaces the escape sequences in a name: a backslash with three octal digits, or with a letter as in C.
func unescapeMtree(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	letters := map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 's': ' ', 't': '\t', 'v': '\v', '\\': '\\'}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		if c, ok := letters[s[i+1]]; ok {
			b.WriteByte(c)
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
