// Package compare makes the comparison of omg with other programs from comparison.toml: docs/comparison.md, and the table in README.md.
// Its test runs the commands of all programs that are installed and fails if one contradicts the table. make compare also measures
// how fast the programs are.
package compare
