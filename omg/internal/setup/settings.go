package setup

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
)

// Settings are the settings that omg setup asks about.
type Settings struct {
	AUR, Watch, Tracker, News, Sync bool
}

// The keys of Settings in a configuration file.
const (
	KeyAUR     = "aur.enabled"
	KeyWatch   = "aur.watch"
	KeyTracker = "tracker.enabled"
	KeyNews    = "news.enabled"
	KeySync    = "sync.enabled"
)

// settingsOf returns the settings in a configuration.
func settingsOf(c *config.Config) Settings {
	return Settings{AUR: c.AUR.Enabled, Watch: c.AUR.Watch, Tracker: c.Tracker.Enabled, News: c.News.Enabled, Sync: c.Sync.Enabled}
}

// byKey returns the settings by their keys.
func (s Settings) byKey() map[string]bool {
	return map[string]bool{KeyAUR: s.AUR, KeyWatch: s.Watch, KeyTracker: s.Tracker, KeyNews: s.News, KeySync: s.Sync}
}

// settingsHeader is the first line of the file that omg setup writes.
const settingsHeader = "# omg setup writes this file. Other settings belong into config.toml, which overrides this file."

// errEdited means that the file is not what omg setup writes.
var errEdited = errors.New("it was edited: move its settings to config.toml in the same directory, and remove it")

// CurrentSettings are the settings in the configuration files, before omg setup changes them. The values of environment variables
// are not among them, because they may only apply to this process.
type CurrentSettings struct {
	Settings
	// FixedBy maps the key of each setting that omg setup cannot change to what overrides it: a line of the user's config.toml, or
	// an environment variable.
	FixedBy map[string]string

	file  Change // the file that omg setup writes; its zero value if OMG_CONFIG is set
	saved map[string]bool
}

// ReadSettings returns the settings. It returns an error if omg setup cannot write its file.
func ReadSettings(env paths.Env) (*CurrentSettings, error) {
	effective, err := config.Load(env, false)
	if err != nil {
		return nil, err
	}
	inFiles, err := config.Load(withoutVariables(env), false)
	if err != nil {
		return nil, err
	}
	now := &CurrentSettings{Settings: settingsOf(&inFiles.Config), FixedBy: map[string]string{}}
	files, chosen := env.ConfigFiles(false)
	own := files[len(files)-1] + ":" // config.toml; a place is a path, a colon and a line
	for key := range now.byKey() {
		place := effective.Origins[key]
		switch {
		case chosen:
			now.FixedBy[key] = "the file in OMG_CONFIG"
		case strings.HasPrefix(place, own), strings.HasPrefix(place, "OMG_"):
			now.FixedBy[key] = place
		}
	}
	if chosen {
		return now, nil
	}
	if len(files) < 3 {
		return nil, errNoHome
	}
	return now, now.readFile(env, files[1])
}

// withoutVariables returns the environment without the variables that are settings.
func withoutVariables(env paths.Env) paths.Env {
	get := env.Get
	env.Getenv = func(name string) string {
		if strings.HasPrefix(name, "OMG_") && name != "OMG_CONFIG" {
			return ""
		}
		return get(name)
	}
	return env
}

// readFile reads the file that omg setup writes, at the given path.
func (now *CurrentSettings) readFile(env paths.Env, path string) (err error) {
	if now.file, err = openChange(env, path); err != nil {
		return err
	}
	parsed, err := config.Parse(path, []byte(now.file.old.text))
	if err != nil {
		return err
	}
	now.saved = map[string]bool{}
	for key, value := range settingsOf(&parsed.Config).byKey() {
		if parsed.Origins[key] != "" {
			now.saved[key] = value
		}
	}
	if now.file.old.text != settingsText(now.saved) {
		return notChanged(path, errEdited)
	}
	return nil
}

// settingsText returns the text of the file that contains settings: an empty text, if there are none.
func settingsText(values map[string]bool) string {
	var lines []string
	for key, value := range values {
		lines = append(lines, key+" = "+strconv.FormatBool(value)+"\n")
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return settingsHeader + "\n" + strings.Join(lines, "")
}

// Change returns the change that makes the given settings effective, except for those in FixedBy. A setting that has the wanted
// value already is not written.
func (now *CurrentSettings) Change(want Settings) Change {
	values := map[string]bool{}
	for key, value := range want.byKey() {
		before, isSaved := now.saved[key]
		switch _, isFixed := now.FixedBy[key]; {
		case isFixed && isSaved:
			values[key] = before
		case !isFixed && (isSaved || value != now.byKey()[key]):
			values[key] = value
		}
	}
	return now.changeTo(settingsText(values))
}

// Remove returns the change that removes all settings of omg setup.
func (now *CurrentSettings) Remove() Change { return now.changeTo("") }

func (now *CurrentSettings) changeTo(text string) Change {
	c := now.file
	c.content, c.removesEmpty, c.removesDir = text, true, true
	if text == c.old.text {
		return c
	}
	for _, change := range []struct{ mark, text string }{{"-", c.old.text}, {"+", text}} {
		for line := range strings.Lines(change.text) {
			c.Diff = append(c.Diff, change.mark+strings.TrimSuffix(line, "\n"))
		}
	}
	return c
}
