// Package pictures makes the pictures of docs/pictures: what omg prints on a terminal of 80 columns and 24 lines, as SVG, with its
// colours. The test runs omg on a demo system, and compares its pictures with the committed ones. `make pictures` writes them.
package pictures
