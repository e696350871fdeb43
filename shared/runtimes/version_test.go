package runtimes

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompareVersions(t *testing.T) {
	for _, order := range [][]string{
		{Node, "v9.11.2", "10.0.0", "18.20.4", "20.9.0", "20.11.0", "22.0.0-rc.1", "22.0.0-rc.2", "22.0.0-rc.10", "22.0.0"},
		{Python, "2.7.18", "3.9.1", "3.10.0", "3.13.0a1", "3.13.0b1", "3.13.0rc1", "3.13.0", "3.14.0"},
		{Go, "1.9", "1.21rc2", "1.21", "1.21.1", "1.22.10"},
		{Java, "1.8.0_392", "11.0.2", "17.0.9-tem", "21.0.1-tem", "temurin-21.0.2"},
		{Rust, "stable", "1.80.0", "1.97.0-nightly", "1.97.0"},
		{Bun, "0.99999999999999999999", "1.1"}, // the second number is too large, so parsing ends after the first
	} {
		runtime, versions := order[0], order[1:]
		for i := range versions {
			for j := range versions {
				want := 0
				if i < j {
					want = -1
				} else if i > j {
					want = 1
				}
				require.Equal(t, want, compareVersions(runtime, versions[i], versions[j]), "%s %s %s", runtime, versions[i], versions[j])
			}
		}
	}
}

func TestParseRange(t *testing.T) {
	all := []string{"16.0.0", "18.0.0", "18.1.2", "18.20.4", "20.0.0", "20.9.1", "22.5.0", "0.2.3", "0.2.9", "0.3.0", "0.0.3", "0.0.4"}
	for want, holds := range map[string][]string{
		"18":                {"18.0.0", "18.1.2", "18.20.4"},
		"=18.0.0":           {"18.0.0"},
		"18.x":              {"18.0.0", "18.1.2", "18.20.4"},
		"18.1.X":            {"18.1.2"},
		">18":               {"20.0.0", "20.9.1", "22.5.0"},
		">18.0.0 <20":       {"18.1.2", "18.20.4"},
		">=20.0.0":          {"20.0.0", "20.9.1", "22.5.0"},
		"<18":               {"16.0.0", "0.2.3", "0.2.9", "0.3.0", "0.0.3", "0.0.4"},
		">=16,<=18":         {"16.0.0", "18.0.0", "18.1.2", "18.20.4"},
		">=16 <=18.0.0":     {"16.0.0", "18.0.0"},
		"^18.1":             {"18.1.2", "18.20.4"},
		"^0.2.3":            {"0.2.3", "0.2.9"},
		"^0.0.3":            {"0.0.3"},
		"^0":                {"0.2.3", "0.2.9", "0.3.0", "0.0.3", "0.0.4"},
		"~18.1":             {"18.1.2"},
		"~18":               {"18.0.0", "18.1.2", "18.20.4"},
		"~=18.1":            {"18.1.2", "18.20.4"},
		"16 || >=22":        {"16.0.0", "22.5.0"},
		"16.0.0 - 18.1.2":   {"16.0.0", "18.0.0", "18.1.2"},
		"v20 ":              {"20.0.0", "20.9.1"},
		"> = 20":            nil,
		">= 20.0.0-rc.1":    {"20.0.0", "20.9.1", "22.5.0"},
		">=20 <18":          {},
		"*":                 all,
		"":                  all,
		"x":                 all,
		"!=18":              nil,
		">*":                nil,
		"><18":              nil,
		"eighteen":          nil,
		"1.2.3.4.5.6.7.8":   nil,
		"18 || ":            all,
		"99999999999999999": nil,
	} {
		t.Run(want, func(t *testing.T) {
			alternatives, ok := parseRange(want)
			require.Equal(t, holds != nil, ok)
			var got []string
			for _, v := range all {
				if slices.ContainsFunc(alternatives, func(i interval) bool { return i.holds(parseVersion(Node, v).nums) }) {
					got = append(got, v)
				}
			}
			require.ElementsMatch(t, holds, got)
		})
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		runtime, want string
		kind          WantKind
	}{
		{Node, "20", KindRange},
		{Node, "20.1", KindRange},
		{Node, "20.1.0", KindPin},
		{Node, "v20.1.0", KindPin},
		{Node, "lts/*", KindRange},
		{Node, "latest", KindRange},
		{Node, "system", KindRange},
		{Node, ">=18", KindFloor},
		{Node, ">18.0", KindFloor},
		{Node, ">=18 || >=20", KindFloor},
		{Node, ">=18 <20", KindRange},
		{Node, "^20", KindRange},
		{Node, "*", KindRange},
		{Node, "20.x", KindRange},
		{Node, "", KindRange},
		{Python, "3.12", KindRange},
		{Python, "3.13.0rc1", KindPin},
		{Go, "1.22rc1", KindPin},
		{Go, "go1.22.1", KindPin},
		{Rust, "stable", KindRange},
		{Rust, "nightly", KindRange},
		{Rust, "nightly-2024-05-01", KindPin},
		{Rust, "1.80", KindRange},
		{Rust, "1.80.0", KindPin},
		{Java, "21", KindRange},
		{Java, "21.0.1-tem", KindPin},
		{Java, "temurin-21", KindRange},
		{Java, "temurin-21.0.1+12", KindPin},
	} {
		require.Equal(t, c.kind.String(), kindOf(c.runtime, c.want).String(), "%s %s", c.runtime, c.want)
	}
}

func TestCanonical(t *testing.T) {
	for alias, want := range map[string]string{
		"node": Node, "nodejs": Node, "python": Python, "python3": Python, "go": Go, "golang": Go, "rust": Rust, "rustlang": Rust,
		"ruby": Ruby, "java": Java, "jdk": Java, "bun": Bun, "bunjs": Bun,
	} {
		got, ok := Canonical(alias)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"", "Node", "perl", "node "} {
		_, ok := Canonical(name)
		require.False(t, ok, name)
	}
	for _, name := range Names() {
		got, ok := Canonical(name)
		require.True(t, ok)
		require.Equal(t, name, got)
	}
}
