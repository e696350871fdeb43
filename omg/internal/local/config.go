package local

import (
	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// configuration answers what is configured. A file that is wrong is its author's
// error, as it is to omgd.
func configuration(r *ask.ConfigRequest, emit ask.Emit) error {
	loaded, err := config.Load(paths.Process(), r.System)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	result := ask.ConfigResult{Files: append([]string{}, loaded.Files...), Warnings: loaded.Warnings}
	for _, s := range loaded.Settings() {
		result.Settings = append(result.Settings, ask.Setting(s))
	}
	return send(emit, &result)
}
