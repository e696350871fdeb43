package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// figure is one line of the table.
type figure struct {
	Name string `json:"name"`
	// On says which data: corpus, or a number of generated packages.
	On string `json:"on"`
	// Measured is ours and Peer what it is compared with, in Unit.
	Measured float64 `json:"measured"`
	Peer     float64 `json:"peer,omitempty"`
	PeerName string  `json:"peer_name,omitempty"`
	// Rate says that more is better: Measured is a part of Peer.
	Rate bool   `json:"rate,omitempty"`
	Unit string `json:"unit"`
	// Low and High are where the middle half of the measured values lies.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
	// Aim is what is promised, in words; Met says whether it holds.
	Aim string `json:"aim,omitempty"`
	Met bool   `json:"met"`
	// Note is what else was seen.
	Note string `json:"note,omitempty"`
}

// value is the figure in the form of its aim: a ratio where there is a peer.
func (f figure) value() string {
	if f.Peer == 0 {
		return number(f.Measured) + " " + f.Unit
	}
	if f.Rate {
		return fmt.Sprintf("%.2f of its rate", f.Measured/f.Peer)
	}
	if r := f.Peer / f.Measured; r >= 2.5 {
		return fmt.Sprintf("%.1f times faster", r)
	}
	return fmt.Sprintf("%.2f times", f.Measured/f.Peer)
}

func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// report is the whole run.
type report struct {
	Machine string   `json:"machine"`
	Figures []figure `json:"figures"`
}

func (r *report) add(f figure) {
	r.Figures = append(r.Figures, f)
	fmt.Fprintf(os.Stderr, "%s (%s): %s\n", f.Name, f.On, f.value())
}

// markdown prints the table.
func (r *report) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	fmt.Fprintln(w, "| what | on | measured | middle half | peer | result | aim | met |")
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |")
	for _, f := range r.Figures {
		spread, peer, met := "", "", ""
		if f.High > 0 {
			spread = number(f.Low) + "–" + number(f.High)
		}
		if f.Peer > 0 {
			peer = fmt.Sprintf("%s: %s", f.PeerName, number(f.Peer))
		}
		if f.Aim != "" {
			met = "no"
			if f.Met {
				met = "yes"
			}
		}
		result := f.value()
		if f.Note != "" {
			result += "; " + f.Note
		}
		fmt.Fprintf(w, "| %s | %s | %s %s | %s | %s | %s | %s | %s |\n",
			f.Name, f.On, number(f.Measured), f.Unit, spread, peer, result, f.Aim, met)
	}
}

func (r *report) writeJSON(path string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// machine describes what the figures were measured on.
func machine() string {
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				cpu = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", cpu, runtime.NumCPU(), runtime.Version())
}
