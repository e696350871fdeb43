package show

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// printed returns the output of the function show for one package.
func printed(show func(*bufio.Writer, *wire.Package), pkg *wire.Package) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	show(w, pkg)
	w.Flush()
	return b.String()
}

func repoPackage() *wire.Package {
	return &wire.Package{
		Repo: "extra", Name: "tool", Version: "1:2.0-3", Desc: "Does one thing, and does it well enough for all who need it",
		Groups: []string{"base-devel", "toys"}, Arch: "x86_64", URL: "https://example.org/tool",
		Licenses: []string{"GPL3", "custom:none"}, Depends: []string{"glibc", "libfoo.so=1-64", "sh"},
		OptDepends: []string{"python: for the scripts", "doc"}, CSize: 3 << 20, ISize: 1000,
		Packager: "A Person <a@example.org>", BuildDate: 1662039707, Validation: []string{"md5", "sha256", "pgp"},
	}
}

func aurPackage() *wire.Package {
	return &wire.Package{
		Repo: "aur", Name: "tool-git", Version: "r12-1", Desc: "Does one thing", URL: "https://example.org",
		MakeDepends: []string{"git", "go"}, Provides: []string{"tool"},
		AUR: &wire.AUR{Votes: 42, Popularity: 1.23456789, OutOfDate: 1662039707, Submitted: 1600000000, Modified: 1661990400},
	}
}

func TestSearch(t *testing.T) {
	pkg := repoPackage()
	require.Equal(t, "extra/tool 1:2.0-3 (base-devel toys)\n    Does one thing, and does it well enough for all who need it\n",
		printed(Style{}.PrintSearchResult, pkg))
	require.Equal(t, "extra/tool 1:2.0-3 (base-devel toys)\n    Does one thing, and\n    does it well enough\n    for all who need it\n",
		printed(Style{Width: 25}.PrintSearchResult, pkg))
	pkg.Desc, pkg.Groups, pkg.InstalledVersion = "", nil, pkg.Version
	require.Equal(t, "extra/tool 1:2.0-3 [installed]\n    \n", printed(Style{}.PrintSearchResult, pkg))
	pkg.InstalledVersion = "1:1.9-1"
	require.Equal(t, "\x1b[1;35mextra/\x1b[0;1mtool \x1b[1;32m1:2.0-3\x1b[0m \x1b[1;36m[installed: 1:1.9-1]\x1b[0m\n    \n",
		printed(Style{Color: true}.PrintSearchResult, pkg))
}

func TestSearch_AUR(t *testing.T) {
	pkg := aurPackage()
	require.Equal(t, "aur/tool-git r12-1 (+42 1.23) [out of date]\n    Does one thing\n", printed(Style{}.PrintSearchResult, pkg))
	pkg.AUR.OutOfDate, pkg.Shadowed, pkg.InstalledVersion = 0, true, pkg.Version
	require.Equal(t, "aur/tool-git r12-1 (+42 1.23) [shadowed] [installed]\n    Does one thing\n", printed(Style{}.PrintSearchResult, pkg))
}

func TestInfo(t *testing.T) {
	require.Equal(t, `Repository      : extra
Name            : tool
Version         : 1:2.0-3
Description     : Does one thing, and does it well enough for all who need it
Architecture    : x86_64
URL             : https://example.org/tool
Licenses        : GPL3  custom:none
Groups          : base-devel  toys
Provides        : None
Depends On      : glibc  libfoo.so=1-64  sh
Optional Deps   : python: for the scripts
                  doc
Conflicts With  : None
Replaces        : None
Download Size   : 3.00 MiB
Installed Size  : 0.00 MiB
Packager        : A Person <a@example.org>
Build Date      : Thu Sep  1 13:41:47 2022
Validated By    : MD5 Sum  SHA-256 Sum  Signature

`, printed(Style{}.PrintInfo, repoPackage()))
}

func TestInfo_NarrowTerminal(t *testing.T) {
	out := printed(Style{Width: 40}.PrintInfo, repoPackage())
	require.Contains(t, out, `
Description     : Does one thing, and
                  does it well enough
                  for all who need it
`)
	require.Contains(t, out, `
Depends On      : glibc  libfoo.so=1-64
                  sh
Optional Deps   : python: for the
                  scripts
                  doc
`)
}

func TestInfo_AUR(t *testing.T) {
	pkg := aurPackage()
	require.Equal(t, `Repository      : aur
Name            : tool-git
Keywords        : None
Version         : r12-1
Description     : Does one thing
URL             : https://example.org
AUR URL         : https://aur.archlinux.org/packages/tool-git
Groups          : None
Licenses        : None
Provides        : tool
Depends On      : None
Make Deps       : git  go
Check Deps      : None
Optional Deps   : None
Conflicts With  : None
Replaces        : None
Maintainer      : Orphan
Votes           : 42
Popularity      : 1.234568
First Submitted : Sun Sep 13 12:26:40 2020
Last Modified   : Thu Sep  1 00:00:00 2022
Out-of-date     : Thu Sep  1 13:41:47 2022

`, printed(Style{}.PrintInfo, pkg))
	pkg.AUR.OutOfDate, pkg.AUR.Maintainer, pkg.Shadowed = 0, "someone", true
	out := printed(Style{}.PrintInfo, pkg)
	require.Contains(t, out, "\nMaintainer      : someone\n")
	require.Contains(t, out, "\nOut-of-date     : No\nShadowed By     : a repository package with the same name\n\n")
}

// TestSizes tests the sizes at which pacman changes the unit.
func TestSizes(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0.00 B", 2048: "2048.00 B", 2049: "2.00 KiB", 2 << 20: "2048.00 KiB", 2<<20 + 1: "2.00 MiB",
		3 << 30: "3.00 GiB", 5 << 40: "5.00 TiB", 1<<64 - 1: "16.00 EiB",
	} {
		require.Equal(t, want, formatSize(bytes, sizeUnit(bytes)))
	}
}

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "plain": 5, "ñandú–…": 7, "e\u0301": 1, "日本語": 6, "ﾊﾝｶｸ": 4, "Ｆ": 2, "한": 2, "\u1112\u1161\u11ab": 2,
		"🦊": 2, "\u0600": 1, "\u200b": 0, "\u00ad": 1, "䷀": 2, "\ufffd": 1,
	} {
		require.Equal(t, want, textWidth(text), "%q", text)
	}
}

func TestNewStyle(t *testing.T) {
	t.Setenv("COLUMNS", "")
	t.Setenv("NO_COLOR", "")
	_, tty := terminal(t, 71)
	for _, c := range []struct {
		color, columns, noColor string
		terminal                *os.File
		want                    Style
	}{
		{"auto", "", "", nil, Style{}},
		{"auto", "", "", tty, Style{Color: true, Width: 71}},
		{"auto", "", "1", tty, Style{Width: 71}},
		{"always", "", "1", tty, Style{Color: true, Width: 71}},
		{"always", "", "", nil, Style{Color: true}},
		{"never", "", "", tty, Style{Width: 71}},
		{"auto", "33", "", nil, Style{Width: 33}},
		{"never", "33", "", tty, Style{Width: 33}},
		{"never", "0", "", tty, Style{}},
		{"never", "-1", "", tty, Style{Width: 71}},
		{"never", "80 columns", "", tty, Style{Width: 71}},
	} {
		t.Setenv("COLUMNS", c.columns)
		t.Setenv("NO_COLOR", c.noColor)
		got, err := NewStyle(c.color, c.terminal)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
	_, err := NewStyle("sometimes", nil)
	require.ErrorContains(t, err, `"sometimes"`)
	t.Setenv("COLUMNS", "")
	_, unsized := terminal(t, 0)
	s, err := NewStyle("never", unsized)
	require.NoError(t, err)
	require.Equal(t, 80, s.Width, "the terminal reports no width")
}

// hostile returns a package in which every text field has the value s.
func hostile(s string) *wire.Package {
	l := []string{s, s}
	return &wire.Package{
		Repo: s, Name: s, Version: s, Desc: s, Groups: l, Arch: s, URL: s, Licenses: l, Provides: l, Depends: l,
		OptDepends: l, MakeDepends: l, CheckDepends: l, Conflicts: l, Replaces: l, Packager: s, Validation: l,
		InstalledVersion: "x" + s, Advisories: l,
	}
}

// requireHarmless prints a package in which every text field has the value s. It checks that this text cannot control the
// terminal, and that it cannot forge a field, because every line of the text is indented.
func requireHarmless(t *testing.T, s string, columns int) {
	t.Helper()
	plain, colored := Style{Width: columns}, Style{Width: columns, Color: true}
	repo, aur := hostile(s), hostile(s)
	aur.AUR = &wire.AUR{Maintainer: s}
	for _, pkg := range []*wire.Package{repo, aur} {
		search, info := printed(plain.PrintSearchResult, pkg), printed(plain.PrintInfo, pkg)
		for _, out := range []string{search, info} {
			require.True(t, utf8.ValidString(out))
			require.Equal(t, -1, strings.IndexFunc(out, func(r rune) bool { return r != '\n' && termtext.IsUnsafe(r) }), "%q", out)
		}
		lines := strings.Split(strings.TrimSuffix(search, "\n"), "\n")
		if columns == 0 {
			require.Len(t, lines, 2, "%q", search)
		}
		for _, l := range lines[1:] {
			require.True(t, strings.HasPrefix(l, "    "), "%q", search)
		}
		own := 0
		for l := range strings.Lines(strings.TrimSuffix(info, "\n")) {
			if !strings.HasPrefix(l, blanks) {
				require.Equal(t, ": ", l[labelWidth-1:valueColumn], "%q", info)
				own++
			}
		}
		require.Equal(t, map[bool]int{true: 20, false: 24}[pkg.AUR == nil], own, "%q", info)
		// The block has three lines that own does not count: two fields have a second line, and a blank line ends the block.
		if columns == 0 {
			require.Equal(t, own+3, strings.Count(info, "\n"), "%q", info)
		}
		codes := strings.NewReplacer(resetColor, "", titleColor, "", repoColor, "", versionColor, "", groupsColor, "", markColor, "")
		require.Equal(t, search, codes.Replace(printed(colored.PrintSearchResult, pkg)))
		require.Equal(t, info, codes.Replace(printed(colored.PrintInfo, pkg)))
	}
}

var hostileTexts = []string{
	"", " ", "a\nName            : forged", "\r\x1b[2K\x1b[1;35mcore/\x1b[0;1mglibc", "a\u202eb\u2066", "\x9b31m\xff\xc3", "\u009b2J", "tab\tbed",
	strings.Repeat("long ", 30), strings.Repeat("x", 300), "日本 語\u0301 \u200d",
}

func TestHostileText(t *testing.T) {
	for _, s := range hostileTexts {
		for _, columns := range []int{0, 1, 10, 18, 19, 40, 80} {
			requireHarmless(t, s, columns)
		}
	}
	for _, columns := range []int{0, 80} {
		requireHarmless(t, strings.Repeat("100 kB\x1b\n ", 10_000), columns)
	}
	require.Equal(t, "core/a 1\n    two\uFFFDlines \uFFFD[31m\n",
		printed(Style{}.PrintSearchResult, &wire.Package{Repo: "core", Name: "a", Version: "1", Desc: "two\nlines \x1b[31m"}))
}

func FuzzHostileText(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, s string, columns int) { requireHarmless(t, s, columns&1023) })
}

func BenchmarkSearch(b *testing.B) { benchmark(b, Style.PrintSearchResult) }
func BenchmarkInfo(b *testing.B)   { benchmark(b, Style.PrintInfo) }

func benchmark(b *testing.B, each func(Style, *bufio.Writer, *wire.Package)) {
	pkg := repoPackage()
	for name, s := range map[string]Style{"piped": {}, "terminal": {Color: true, Width: 80}} {
		b.Run(name, func(b *testing.B) {
			w := bufio.NewWriter(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				each(s, w, pkg)
			}
		})
	}
}
