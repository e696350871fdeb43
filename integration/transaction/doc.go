// Package transaction has the real pacman change a system while omgd watches.
package transaction
