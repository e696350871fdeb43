// Package adapters tests the adapters for AUR helpers in packaging/helpers: the script that shows facts before a build, in several shells,
// and the hook for yay in a Lua interpreter of the kind that yay uses. It has tests only.
package adapters
