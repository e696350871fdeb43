package command

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// timeValue is the value of a flag with a time.
type timeValue time.Duration

// TimeValue returns the value of a flag with a time such as 90d, 1d12h or 30m. It is stored in *to, which gets the standard value first.
func TimeValue(to *time.Duration, standard time.Duration) cli.Generic {
	*to = standard
	return (*timeValue)(to)
}

// String returns the time as package time writes it.
func (v *timeValue) String() string { return time.Duration(*v).String() }

// Set parses a time. A day has 24 hours; the smaller units are those of time.ParseDuration.
func (v *timeValue) Set(text string) error {
	const day = 24 * time.Hour
	digits, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		digits, rest = "0", text
	}
	days, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return err
	}
	var d time.Duration
	if !hasDays || rest != "" {
		if d, err = time.ParseDuration(rest); err != nil {
			return err
		}
	}
	if hasDays && d < 0 || days > uint64((math.MaxInt64-max(d, 0))/day) {
		return errors.New("out of range")
	}
	*v = timeValue(time.Duration(days)*day + d)
	return nil
}
