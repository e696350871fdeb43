package aurreplay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Write writes the result as tables.
func (r *Result) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	of, other := r.PerMachineMonth()
	fmt.Fprintf(w, "precision at look\t%.1f %%\n", 100*r.Precision())
	fmt.Fprintf(w, "findings at look for a machine and month\t%.3f other, %.3f of incidents\n\n", other, of)
	fmt.Fprintf(w, "level\treason\tof incidents\tother\tprecision\tother per machine and month\n")
	for _, level := range []struct {
		name   string
		counts map[string]*Count
	}{{"look", r.Reasons}, {"note", r.Notes}} {
		for _, reason := range slices.Sorted(maps.Keys(level.counts)) {
			c := level.counts[reason]
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.1f %%\t%.3f\n", level.name, reason, c.OfIncidents, c.Other,
				100*float64(c.OfIncidents)/float64(max(c.OfIncidents+c.Other, 1)), float64(c.OtherOnMachines)/max(r.MachineMonths, 1))
		}
	}
	fmt.Fprintf(w, "\nincident\tpackage bases\tfirst dump\tlater dump\tnever\tlive\tlook-alikes\tharmful time after the dump\n")
	for _, d := range r.Incidents {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f %%\n", d.Name, d.Bases, d.FirstDump, d.LaterDump, d.Bases-d.FirstDump-d.LaterDump, d.Live, d.LookAlikes,
			100*d.FoundHours/max(d.HarmfulHours, 1))
	}
	fmt.Fprintf(w, "\nevent\tnumber\n")
	for _, kind := range slices.Sorted(maps.Keys(r.Events)) {
		fmt.Fprintf(w, "%s\t%d\n", kind, r.Events[kind])
	}
	return w.Flush()
}
