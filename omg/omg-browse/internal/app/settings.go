package app

import (
	"errors"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/theme"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
)

// settings are the settings of the browser.
type settings struct {
	*config.Loaded
	keys *browser.KeyMap
}

// readSettings reads the configuration. Its errors name the file and the line.
func readSettings() (*settings, error) {
	loaded, err := config.Load(paths.ProcessEnv(), false)
	if err != nil {
		return nil, err
	}
	s := &settings{Loaded: loaded}
	s.keys, err = browser.NewKeyMap(loaded.Browse.Keys, loaded.Browse.Bind)
	if wrong := new(browser.BindError); errors.As(err, &wrong) {
		return nil, s.err("browse.bind."+wrong.Action, wrong.Err)
	}
	if _, err := s.theme(0); err != nil {
		return nil, err
	}
	return s, nil
}

// apply sets the browser up. A warning about the configuration is its first message.
func (s *settings) apply(b *browser.Browser) {
	b.Keys = s.keys
	b.Place(s.Browse.Preview)
	if len(s.Warnings) > 0 {
		b.Message = s.Warnings[0]
	}
}

// theme returns the theme for a terminal with a number of colours.
func (s *settings) theme(colors int) (*theme.Theme, error) {
	t, err := theme.New(s.Browse.Theme, s.Browse.Colors, colors)
	if wrong := new(theme.ColorError); errors.As(err, &wrong) {
		return nil, s.err("browse.colors."+wrong.Part, wrong.Err)
	}
	return t, err
}

// err returns the error for a wrong value, with the place where it was set.
func (s *settings) err(key string, err error) error {
	source := s.Origins[key]
	if source == "" {
		source = s.Origins["browse.bind"] // a variable has all entries
	}
	return &config.Error{Source: source, Key: key, Err: err}
}
