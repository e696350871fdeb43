package aurlife

import (
	"math/rand/v2"
	"strings"
)

// namer makes names of package bases. Names have the forms of real ones: words, families such as python-NAME, and the variants -git and -bin
// of other names.
type namer struct {
	r     *rand.Rand
	used  map[string]bool
	stems []string // names without a suffix, for variants
}

var (
	// families are the most frequent prefixes in a dump of the AUR, by about their shares.
	families = strings.Fields("python python python lib32 php ruby perl r haskell ttf vim gnome-shell-extension linux firefox-extension " +
		"obs lua nodejs mingw-w64 otf emacs kde plasma xcursor texlive fcitx wine")
	// syllables make words that can be pronounced.
	onsets = strings.Fields("b br c ch cl cr d dr f fl fr g gl gr h j k kl l m n p pl pr qu r s sc sh sl sp st str t th tr v w x y z")
	nuclei = strings.Fields("a a e e i i o o u ai ea ee oo ou y")
	codas  = strings.Fields("b ck d f g l ll m n nd ng nk nt p r rd rk rm s sh sk st t th x . . . . . .")
)

// word returns a word of one to three syllables.
func (n *namer) word() string {
	var b strings.Builder
	for range 1 + n.r.IntN(3) {
		b.WriteString(onsets[n.r.IntN(len(onsets))])
		b.WriteString(nuclei[n.r.IntN(len(nuclei))])
		b.WriteString(strings.TrimSuffix(codas[n.r.IntN(len(codas))], "."))
	}
	return b.String()
}

// next returns a name that was not used before.
func (n *namer) next() string {
	for {
		name := n.candidate()
		if len(name) > 2 && !n.used[name] {
			n.used[name] = true
			return name
		}
	}
}

func (n *namer) candidate() string {
	p := n.r.Float64()
	if p < gitShare+binShare && len(n.stems) > 100 && n.r.IntN(2) == 0 {
		return n.stems[n.r.IntN(len(n.stems))] + suffix(p)
	}
	name := n.word()
	switch n.r.IntN(10) {
	case 0, 1, 2:
		name += "-" + n.word()
	case 3, 4:
		name = families[n.r.IntN(len(families))] + "-" + name
	case 5:
		name += []string{"2", "3", "5", "6", "qt", "js", "fs", "d", "kit", "ctl"}[n.r.IntN(10)]
	}
	if p < gitShare+binShare {
		return name + suffix(p)
	}
	n.stems = append(n.stems, name)
	return name
}

// suffix returns the suffix of a name for a number below gitShare+binShare.
func suffix(p float64) string {
	if p < gitShare {
		return "-git"
	}
	return "-bin"
}

// oneEdit returns a name that differs from another one by one edit: a letter that is inserted, deleted, replaced, or exchanged with its
// neighbor.
func (n *namer) oneEdit(name string) string {
	for {
		at, letter := n.r.IntN(len(name)-1), string(rune('a'+n.r.IntN(26)))
		var edited string
		switch n.r.IntN(4) {
		case 0:
			edited = name[:at] + letter + name[at:]
		case 1:
			edited = name[:at] + name[at+1:]
		case 2:
			edited = name[:at] + letter + name[at+1:]
		case 3:
			edited = name[:at] + name[at+1:at+2] + name[at:at+1] + name[at+2:]
		}
		if len(edited) > 2 && !n.used[edited] && !strings.HasPrefix(edited, "-") {
			n.used[edited] = true
			return edited
		}
	}
}
