// Package fleet checks omg inventory against pacman, and the guide to many machines.
package fleet
