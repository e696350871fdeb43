// Package demo has a small system for the pictures in the docs and the captures of omg's screens: repositories, installed packages with
// files, a log of pacman, an AUR with two dumps, and the advisories of a security tracker. Nothing in it depends on the machine.
package demo
