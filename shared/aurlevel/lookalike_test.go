package aurlevel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFindLookAlike checks which names are look-alikes of a popular package.
func TestFindLookAlike(t *testing.T) {
	young := func(votes uint32) *Listing {
		return &Listing{Maintainer: "eve", Votes: votes, SubmittedAt: now - 5*day, UpdatedAt: now - 5*day}
	}
	old := Popular{Name: "discord-canary", Base: "discord-canary", Maintainer: "al", Votes: 900, SubmittedAt: now - 900*day}
	named := func(name string) Popular { p := old; p.Name, p.Base = name, name; return p }
	for label, c := range map[string]struct {
		name    string
		listing *Listing
		popular Popular
		want    bool
	}{
		"a letter inserted":               {"discord-cannary", young(0), old, true},
		"a letter deleted":                {"discord-canry", young(0), old, true},
		"a letter replaced":               {"disc0rd-canary", young(0), old, true},
		"neighbors exchanged":             {"discord-canray", young(0), old, true},
		"a hyphen deleted":                {"discordcanary", young(0), old, true},
		"the first letter":                {"iscord-canary", young(0), old, true},
		"the last letter":                 {"discord-canaryy", young(0), old, true},
		"with another suffix":             {"discord-cannary-bin", young(0), old, true},
		"of a name with a suffix":         {"visual-studio-cod", young(0), named("visual-studio-code-bin"), true},
		"in the suffix":                   {"visual-studio-code-bim", young(0), named("visual-studio-code-bin"), true},
		"the same name":                   {"discord-canary", young(0), old, false},
		"another build":                   {"discord-canary-bin", young(0), old, false},
		"another build of another one":    {"discord-canary-git", young(0), named("discord-canary-bin"), false},
		"two letters":                     {"discord-cannaryy", young(0), old, false},
		"another word":                    {"discord-canary-theme", young(0), old, false},
		"another version":                 {"php81-mysql", young(0), named("php80-mysql"), false},
		"a version added":                 {"python2-numpy", young(0), named("python-numpy"), false},
		"a letter that looks like a one":  {"p1asma-desktop", young(0), named("plasma-desktop"), true},
		"a short name":                    {"yax", young(0), named("yay"), false},
		"a short name with a suffix":      {"yax-bin", young(0), named("yay-bin"), false},
		"a hundredth of the votes":        {"discord-cannary", young(9), old, true},
		"more votes":                      {"discord-cannary", young(10), old, false},
		"not popular":                     {"discord-cannary", young(0), Popular{Name: "discord-canary", Base: "discord-canary", Votes: 99, SubmittedAt: now - 900*day}, false},
		"older than the popular package":  {"discord-cannary", young(0), Popular{Name: "discord-canary", Base: "discord-canary", Votes: 900, SubmittedAt: now - 4*day}, false},
		"90 days old":                     {"discord-cannary", &Listing{SubmittedAt: now - 90*day}, old, true},
		"91 days old":                     {"discord-cannary", &Listing{SubmittedAt: now - 91*day}, old, false},
		"of the same maintainer":          {"discord-cannary", &Listing{Maintainer: "al", SubmittedAt: now - day}, old, false},
		"of an orphan, without":           {"discord-cannary", &Listing{SubmittedAt: now - day}, Popular{Name: "discord-canary", Base: "x", Votes: 900, SubmittedAt: now - 900*day}, true},
		"another package of the same one": {"discord-cannary", young(0), Popular{Name: "discord-canary", Base: "checked", Votes: 900, SubmittedAt: now - 900*day}, false},
		"not in the AUR":                  {"discord-cannary", nil, old, false},
	} {
		t.Run(label, func(t *testing.T) {
			f := FindLookAlike(c.name, "checked", c.listing, []Popular{named("other-name"), c.popular}, now)
			require.Equal(t, c.want, f.Level == LevelLook)
			if c.want {
				require.Equal(t, ReasonLookAlike, f.Reason)
				require.Equal(t, &c.popular, f.LookAlikeOf)
			}
		})
	}
}

// TestFindLookAlike_MostVotes checks that of several popular packages, that with the most votes is named.
func TestFindLookAlike_MostVotes(t *testing.T) {
	popular := []Popular{{Name: "demo-a", Votes: 200}, {Name: "demo-b", Votes: 300}, {Name: "demo-c", Votes: 100}}
	f := FindLookAlike("demo-x", "demo-x", &Listing{SubmittedAt: now}, popular, now)
	require.Equal(t, "demo-b", f.LookAlikeOf.Name)
}
