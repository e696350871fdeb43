// Package browser is the state of the package browser: the input line, the views with their lists, what is marked, and the preview. It
// changes only by keys and by answers to its requests, and knows neither the terminal nor where answers come from:
//
//	keys ────┐                        ┌── draw ── terminal
//	answers ─┴── Browser (this state) ┴── requests ── loader ── answers
package browser
