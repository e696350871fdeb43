package choice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fieldtemplate"
	"github.com/omg-arch/omg/shared/wire"
)

// sources is a backend with some packages in its sources, and some that are only installed.
type sources struct {
	backend.Backend
	packages  []wire.Package
	installed []wire.InstalledPackage
	requests  int
	fail      error
}

func (s *sources) Info(_ context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, _ func()) (*wire.InfoResult, error) {
	s.requests++
	for _, name := range r.Names {
		repo, base, qualified := strings.Cut(name, "/")
		for i := range s.packages {
			if p := s.packages[i]; qualified && p.Repo == repo && p.Name == base || p.Name == name {
				if err := visit(&p); err != nil {
					return nil, err
				}
			}
		}
	}
	return &wire.InfoResult{}, s.fail
}

func (s *sources) Installed(_ context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	result := &wire.InstalledResult{}
	for _, name := range r.Names {
		for i := range s.installed {
			if s.installed[i].Name == name {
				result.Packages = append(result.Packages, s.installed[i])
			}
		}
	}
	return result, nil
}

func some() *sources {
	return &sources{
		packages: []wire.Package{
			{Repo: "core", Name: "bash", Version: "5"},
			{Repo: "extra", Name: "bash", Version: "6"},
			{Repo: "aur", Name: "yay", Version: "12", AUR: &wire.AUR{}},
			{Repo: "aur", Name: "bash", Version: "7", AUR: &wire.AUR{}},
			{Repo: "extra", Name: "-Rdd", Version: "1"},
		},
		installed: []wire.InstalledPackage{{Package: wire.Package{Name: "mine", Version: "0.1"}}},
	}
}

func chosen(repo, name string) browser.Choice {
	return browser.Choice{Key: browser.Key{Name: name, AUR: repo == "aur"}, Repo: repo, Version: "1"}
}

func TestPrint(t *testing.T) {
	all := []browser.Choice{
		chosen("extra", "bash"), chosen("aur", "yay"), chosen("", "bash"), {Key: browser.Key{Name: "yay", AUR: true}}, chosen("", "mine"), chosen("extra", "-Rdd"), chosen("extra", "$(id)"), chosen("", "-x"),
	}
	for _, c := range []struct {
		flags     flags.Browse
		format    string
		want      string
		notes     []string
		noRequest bool
	}{
		{
			want: "bash\nyay\nbash\nyay\nmine\nextra/-Rdd\n", noRequest: true,
			notes: []string{`left out 2 packages whose names could be taken for something else on a command line: "$(id) -x"`},
		},
		{
			flags: flags.Browse{Print0: true}, want: "bash\x00yay\x00bash\x00yay\x00mine\x00extra/-Rdd\x00", noRequest: true,
			notes: []string{`left out 2 packages whose names could be taken for something else on a command line: "$(id) -x"`},
		},
		{
			flags: flags.Browse{RepoOnly: true}, want: "bash\nbash\nextra/-Rdd\n",
			notes: []string{
				`left out 2 packages whose names could be taken for something else on a command line: "$(id) -x"`,
				`left out what is in no repository that could be read: "yay yay mine"`,
			},
		},
		{
			format: "{{.repo}} {{.name}} {{.version}}", want: "extra bash 6\naur yay 12\ncore bash 5\naur yay 12\n mine 0.1\n",
			notes: []string{`left out 3 packages whose names could be taken for something else on a command line: "-Rdd $(id) -x"`},
		},
	} {
		if c.format != "" {
			var err error
			c.flags.Template, err = fieldtemplate.Parse(c.format)
			require.NoError(t, err)
		}
		var out bytes.Buffer
		b := some()
		notes, err := Print(t.Context(), &out, b, &c.flags, all)
		require.NoError(t, err)
		require.Equal(t, c.want, out.String())
		require.Equal(t, c.notes, notes)
		require.Equal(t, c.noRequest, b.requests == 0)
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestPrint_Errors(t *testing.T) {
	var out bytes.Buffer
	notes, err := Print(t.Context(), &out, some(), &flags.Browse{}, []browser.Choice{chosen("", "$(id)")})
	require.Equal(t, exit.NotFound, exit.Code(err))
	require.Len(t, notes, 1)
	_, err = Print(t.Context(), &out, some(), &flags.Browse{RepoOnly: true}, []browser.Choice{chosen("aur", "yay")})
	require.Equal(t, exit.NotFound, exit.Code(err))
	_, err = Print(t.Context(), full{}, some(), &flags.Browse{}, []browser.Choice{chosen("", "bash")})
	require.Equal(t, exit.Failed, exit.Code(err))
	require.ErrorContains(t, err, "the names cannot be written: no space left on device")
	for format, want := range map[string]string{"{{.nonsense}}": "--format: ", "{{.name}}": "no source has the package gone any more"} {
		tmpl, err := fieldtemplate.Parse(format)
		require.NoError(t, err)
		_, err = Print(t.Context(), &out, some(), &flags.Browse{Template: tmpl}, []browser.Choice{chosen("core", "bash"), chosen("core", "gone")})
		require.ErrorContains(t, err, want)
	}
	_, err = Print(t.Context(), &out, &sources{fail: errors.New("no database")}, &flags.Browse{RepoOnly: true}, []browser.Choice{chosen("", "bash")})
	require.ErrorContains(t, err, "no database")
	require.Empty(t, out.String(), "nothing or everything is printed")
}

// TestPrint_Many checks that many packages need few requests.
func TestPrint_Many(t *testing.T) {
	b := &sources{}
	var all []browser.Choice
	for i := range 2*infoBatch + 1 {
		name := fmt.Sprintf("p%d", i)
		b.packages = append(b.packages, wire.Package{Repo: "core", Name: name})
		all = append(all, chosen("core", name))
	}
	var out bytes.Buffer
	_, err := Print(t.Context(), &out, b, &flags.Browse{RepoOnly: true}, all)
	require.NoError(t, err)
	require.Equal(t, 3, b.requests)
	require.Equal(t, len(all), strings.Count(out.String(), "\n"))
}

func TestNames(t *testing.T) {
	text, count := Names([]browser.Choice{chosen("extra", "bash"), chosen("aur", "yay"), chosen("extra", "-Rdd"), chosen("extra", "$(id)"), chosen("", "a\xffb")})
	require.Equal(t, "bash yay extra/-Rdd", text)
	require.Equal(t, 3, count)
	require.NoError(t, CheckClipboard(text))
	require.Error(t, CheckClipboard(strings.Repeat("x", maxClipboard+1)))
}
