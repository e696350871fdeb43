package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tableRow is one line of the table.
type tableRow struct {
	Name string `json:"name"`
	// Workload names what was measured: the corpus, or a number of generated packages.
	Workload string `json:"on"`
	// MeasuredValue is omg's value, and PeerValue is the value to compare it with. Both are in Unit.
	MeasuredValue float64 `json:"measured"`
	PeerValue     float64 `json:"peer,omitempty"`
	PeerName      string  `json:"peer_name,omitempty"`
	// IsRate is set if the figure is a rate, such as requests per second, so that a larger value is better. The result is
	// then a share of the rate PeerValue.
	IsRate bool   `json:"rate,omitempty"`
	Unit   string `json:"unit"`
	// SpreadLow and SpreadHigh are the quartiles of the measured values.
	SpreadLow  float64 `json:"low,omitempty"`
	SpreadHigh float64 `json:"high,omitempty"`
	// Aim is the promised value, in words. AimMet is set if MeasuredValue reaches it.
	Aim    string `json:"aim,omitempty"`
	AimMet bool   `json:"met"`
	// Note contains details, such as percentiles.
	Note string `json:"note,omitempty"`
	// ours and peers are the single measurements of omg and of the peer, taken alternately.
	ours, peers runTimes
}

// formatResult returns the result: a ratio if the figure has a peer, otherwise the measured value and its unit.
func (f tableRow) formatResult() string {
	if f.PeerValue == 0 {
		return formatNumber(f.MeasuredValue) + " " + f.Unit
	}
	if f.IsRate {
		return fmt.Sprintf("%.2f of the peer's rate", f.MeasuredValue/f.PeerValue)
	}
	if r := f.PeerValue / f.MeasuredValue; r >= 2.5 {
		return fmt.Sprintf("%.1f times faster", r)
	}
	return fmt.Sprintf("%.2f times", f.MeasuredValue/f.PeerValue)
}

func formatNumber(v float64) string {
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

// report contains the figures of a whole run.
type report struct {
	Machine string     `json:"machine"`
	Figures []tableRow `json:"figures"`
}

func (r *report) add(f tableRow) {
	r.Figures = append(r.Figures, f)
	fmt.Fprintf(os.Stderr, "%s (%s): %s\n", f.Name, f.Workload, f.formatResult())
}

// writeMarkdown prints the table.
func (r *report) writeMarkdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	fmt.Fprintln(w, "| what | on | measured | middle half | peer | result | aim | met |")
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |")
	for _, f := range r.Figures {
		spread, peer, met := "", "", ""
		if f.SpreadHigh > 0 {
			spread = formatNumber(f.SpreadLow) + "–" + formatNumber(f.SpreadHigh)
		}
		if f.PeerValue > 0 {
			peer = fmt.Sprintf("%s: %s", f.PeerName, formatNumber(f.PeerValue))
		}
		if f.Aim != "" {
			met = "no"
			if f.AimMet {
				met = "yes"
			}
		}
		result := f.formatResult()
		if f.Note != "" {
			result += "; " + f.Note
		}
		fmt.Fprintf(w, "| %s | %s | %s %s | %s | %s | %s | %s | %s |\n",
			f.Name, f.Workload, formatNumber(f.MeasuredValue), f.Unit, spread, peer, result, f.Aim, met)
	}
}

// writeBenchmarks writes the figures in the format of package testing: a line for each measurement, so that benchstat can
// tell a change from noise.
func (r *report) writeBenchmarks(w io.Writer) {
	fmt.Fprintf(w, "cpu: %s\nUnit requests/s better=higher\nUnit ratio better=lower\n", r.Machine)
	for _, f := range r.Figures {
		name := "Benchmark" + toBenchmarkName(f.Name) + "/" + toBenchmarkName(f.Workload)
		ours := f.ours
		if len(ours) == 0 {
			ours = runTimes{f.MeasuredValue}
		}
		for i, v := range ours {
			fmt.Fprintf(w, "%s 1 %g %s", name, v, f.Unit)
			if i < len(f.peers) && f.peers[i] > 0 && !f.IsRate {
				fmt.Fprintf(w, " %g ratio", v/f.peers[i])
			}
			fmt.Fprintln(w)
		}
	}
}

// toBenchmarkName removes the characters that the name of a benchmark cannot have.
func toBenchmarkName(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(first)) + w[size:]
	}
	return strings.Join(words, "")
}

// writeAllFormats writes the figures into a directory as a table, as JSON and as benchmarks, in the files last.md, last.json
// and last.txt. It first renames the files of the previous run to before.md, before.json and before.txt.
func (r *report) writeAllFormats(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var table, benchmarks bytes.Buffer
	r.writeMarkdown(&table)
	r.writeBenchmarks(&benchmarks)
	figures, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	for ext, content := range map[string][]byte{"md": table.Bytes(), "txt": benchmarks.Bytes(), "json": append(figures, '\n')} {
		last := filepath.Join(dir, "last."+ext)
		if err := os.Rename(last, filepath.Join(dir, "before."+ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(last, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// describeMachine describes the machine that was measured.
func describeMachine() string {
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
