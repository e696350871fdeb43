// Package pictures makes the pictures of docs/pictures, as SVG: what omg prints on a terminal of 80 columns and 24 lines, with its
// colours, and the screens of omg browse. The test runs the programs on a demo system, and compares its pictures with the committed
// ones. `make pictures` writes them.
package pictures
