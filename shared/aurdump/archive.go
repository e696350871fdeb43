package aurdump

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/shared/gitpack"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// The files of the AUR's git archive (aurweb-git-archive --spec metadata), with which the AUR wants to replace its dump. Each of them is an object
// with one member for each package base, or for each package.
const (
	archiveBaseFile    = "pkgbase.json"
	archivePackageFile = "pkgname.json"
)

// maxArchiveBaseBytes limits the file of package bases, whose fields are kept in memory. That of the AUR would have about 35 MB.
const maxArchiveBaseBytes = 128 << 20

// archiveFiles are the two files of the AUR's git archive. The function read passes the content of one of them to the function parse.
type archiveFiles struct {
	// at is the time of the archive in Unix seconds.
	at   int64
	read func(name string, parse func(io.Reader) error) error
}

// archiveDir is a directory with the files of the AUR's git archive. It reads only these two files, and never runs git.
type archiveDir string

func (dir archiveDir) readEntries(ctx context.Context, visit func(Entry) error) (ReadResult, error) {
	var out ReadResult
	f, stamp, err := sourcefile.Open(filepath.Join(string(dir), archiveBaseFile))
	if err != nil {
		return out, err
	}
	_ = f.Close()
	var digests []byte
	out.Path, out.Stamp = string(dir), sourcefile.Stamp{Dev: stamp.Dev, Ino: stamp.Ino}
	files := archiveFiles{at: stamp.MtimeSeconds(), read: func(name string, parse func(io.Reader) error) error {
		file, err := sourcefile.Read(ctx, filepath.Join(string(dir), name), parse)
		out.Stamp.Size += file.Stamp.Size
		out.Stamp.MtimeNS, out.Stamp.CtimeNS = max(out.Stamp.MtimeNS, file.Stamp.MtimeNS), max(out.Stamp.CtimeNS, file.Stamp.CtimeNS)
		digests = append(digests, file.SHA256[:]...)
		return err
	}}
	err = out.readArchive(ctx, &files, visit)
	if errors.Is(err, sourcefile.ErrEmpty) {
		err = &fs.PathError{Op: "read", Path: filepath.Join(string(dir), archivePackageFile), Err: sourcefile.ErrEmpty}
	}
	out.SHA256 = sha256.Sum256(digests)
	return out, err
}

// readPack reads a pack with a commit of the archive.
func (f *ReadResult) readPack(ctx context.Context, content io.ReaderAt, size int64, visit func(Entry) error) error {
	pack, err := gitpack.Open(ctx, content, size)
	if err != nil {
		return convertStreamError(err)
	}
	f.Commit, f.committedAt = pack.Commit, pack.CommittedAt
	return f.readArchive(ctx, &archiveFiles{at: pack.CommittedAt, read: func(name string, parse func(io.Reader) error) error {
		file, err := pack.File(name)
		if err != nil {
			return err
		}
		return parse(file)
	}}, visit)
}

// readArchive reads the package bases, and then the packages.
func (f *ReadResult) readArchive(ctx context.Context, files *archiveFiles, visit func(Entry) error) error {
	bases, err := f.readBases(ctx, files)
	if err != nil {
		return err
	}
	err = files.read(archivePackageFile, func(in io.Reader) error {
		p := newParser(newBoundedReader(ctx, in, realLimits), realLimits, f)
		return convertStreamError(p.visitMembers(func(name string) error {
			base, ok := bases[p.object.PackageBase]
			switch {
			case name != p.object.Name:
				p.leaveOut("package %.100q is listed as %.100q", p.object.Name, name)
				return nil
			case !ok:
				p.leaveOut("package %.100q belongs to the package base %.100q, which %s does not have", name, p.object.PackageBase, archiveBaseFile)
				return nil
			}
			base.fill(&p.object)
			return p.visitObject(visit)
		}))
	})
	if err == nil && f.PackageCount == 0 {
		err = sourcefile.ErrEmpty
	}
	return err
}

// readBases reads the package bases.
func (f *ReadResult) readBases(ctx context.Context, files *archiveFiles) (map[string]archiveBase, error) {
	limits := realLimits
	limits.bytes = maxArchiveBaseBytes
	bases := map[string]archiveBase{}
	return bases, files.read(archiveBaseFile, func(in io.Reader) error {
		p := newParser(newBoundedReader(ctx, in, limits), limits, f)
		return convertStreamError(p.visitMembers(func(name string) error {
			if len(bases) == limits.packages {
				return fmt.Errorf("%w: it has more than %d package bases", sourcefile.ErrOversize, limits.packages)
			}
			bases[name] = newArchiveBase(&p.object, float64(files.at))
			return nil
		}))
	})
}

// archiveBase holds the fields of a package base.
type archiveBase struct {
	id, votes, popularity, outOfDate, submitted, modified float64
	maintainer, urlPath                                   string
	keywords                                              []string
}

// newArchiveBase returns the fields of a package base at the time now, in Unix seconds. The archive contains the popularity at an earlier time. By
// the AUR's formula it decreases by 2 % a day. The documentation of aurweb demands this calculation (doc/repos/metadata-repo.md), although the
// values that aurweb writes (aurweb/archives/spec/metadata.py) have decreased already: then these are too low by up to 2 % for each day.
func newArchiveBase(o *object, now float64) archiveBase {
	const dailyDecay, day = 0.98, 86400
	b := archiveBase{
		id: o.ID, votes: o.NumVotes, popularity: o.Popularity, outOfDate: o.OutOfDate, submitted: o.FirstSubmitted, modified: o.LastModified,
		maintainer: o.Maintainer, urlPath: o.URLPath, keywords: slices.Clone(o.Keywords),
	}
	if o.PopularityUpdated > 0 && now > o.PopularityUpdated {
		b.popularity *= math.Pow(dailyDecay, (now-o.PopularityUpdated)/day)
	}
	return b
}

// fill sets the fields of a package that are those of its package base.
func (b *archiveBase) fill(o *object) {
	o.PackageBaseID, o.NumVotes, o.Popularity, o.OutOfDate = b.id, b.votes, b.popularity, b.outOfDate
	o.FirstSubmitted, o.LastModified, o.Maintainer, o.URLPath = b.submitted, b.modified, b.maintainer, b.urlPath
	o.Keywords = append(o.Keywords[:0], b.keywords...)
}

// visitMembers decodes the members of an object one after the other into p.object, and calls the function visit with the name of each. It reads to
// the end of the file.
func (p *parser) visitMembers(visit func(name string) error) error {
	if err := p.readBegin('{'); err != nil {
		return err
	}
	for p.dec.PeekKind() != '}' {
		p.in.objectLeft = p.limits.object
		key, err := p.dec.ReadToken()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		name := key.String()
		if p.dec.PeekKind() != '{' {
			p.leaveOut("the member %.100q is not an object", name)
			err = p.dec.SkipValue()
		} else if err = p.readObject(p.dec); err == nil {
			err = visit(name)
		}
		if err != nil {
			return err
		}
	}
	return p.readEnd("object")
}

func newBoundedReader(ctx context.Context, r io.Reader, l limits) *boundedReader {
	return &boundedReader{ctx: ctx, r: r, totalLeft: l.bytes, objectLeft: l.object}
}
