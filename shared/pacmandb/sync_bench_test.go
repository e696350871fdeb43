package pacmandb

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// BenchmarkReadSync reads the three databases of the corpus concurrently. The metric gzip is the time for this, divided
// by the time in which one process `gzip -dc` decompresses the same files one after the other. With two processors the
// metric is 0.4 to 0.5.
func BenchmarkReadSync(b *testing.B) {
	repos := corpusDatabases(b)
	args := []string{"-dc"}
	for _, repo := range repos {
		args = append(args, repo.Path)
	}
	unpack := time.Hour
	for range 5 {
		start := time.Now()
		if err := exec.Command(need.Program(b, "gzip"), args...).Run(); err != nil {
			b.Fatal(err)
		}
		unpack = min(unpack, time.Since(start))
	}
	b.ReportAllocs()
	for b.Loop() {
		var group errgroup.Group
		for _, repo := range repos {
			group.Go(func() error {
				_, err := ReadSync(b.Context(), repo.Path, repo.Name, func(*wire.Package) error { return nil }, func() {})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(unpack), "gzip")
}

// BenchmarkDesc parses the desc of a real package.
func BenchmarkDesc(b *testing.B) {
	var d descParser
	text := []byte(desc("firefox", "104.0.2-1", "%FILENAME%\nfirefox-104.0.2-1-x86_64.pkg.tar.zst", "%BASE%\nfirefox",
		"%DESC%\nStandalone web browser from mozilla.org", "%CSIZE%\n62094437", "%ISIZE%\n232669476",
		"%MD5SUM%\n8b4ea63fb7bd7a0f2ed4dba0c4b1ff3b", "%SHA256SUM%\n"+string(make([]byte, 64)), "%PGPSIG%\n"+string(make([]byte, 400)),
		"%URL%\nhttps://www.mozilla.org/firefox/", "%LICENSE%\nMPL\nGPL\nLGPL", "%ARCH%\nx86_64", "%BUILDDATE%\n1662500000",
		"%PACKAGER%\nSomebody <somebody@archlinux.org>", "%DEPENDS%\ngtk3\nlibxt\nmime-types\ndbus-glib\nffmpeg\nnss\nttf-font\nlibpulse",
		"%OPTDEPENDS%\nnetworkmanager: Location detection\nlibnotify: Notifications", "%MAKEDEPENDS%\nunzip\nzip\ndiffutils\nyasm\nmesa\nimake"))
	dir := []byte("firefox-104.0.2-1")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d.begin("extra", dir)
		d.parse(text)
		if _, ok := d.finish(); !ok {
			b.Fatal("no name")
		}
	}
}
