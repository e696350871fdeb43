package backend

import "time"

// PackageHistoryRequest asks for the transactions in pacman's log.
type PackageHistoryRequest struct {
	// LogFile is the path of the log; empty for that of pacman.conf.
	LogFile string
	// Names restricts the result to changes of these packages; empty for all.
	Names []string
	// Since is a time in Unix seconds: transactions that began before it are left out.
	Since int64
	// Limit is the maximum number of transactions: the last ones. 0 means all.
	Limit int
}

// PackageHistory holds transactions, in the order of the log.
type PackageHistory struct {
	// Partial means that transactions may be missing, because a file could not be read. Why is the reason.
	Partial bool   `json:"partial,omitempty"`
	Why     string `json:"why,omitempty"`
	// Files are the files of the log, the oldest first.
	Files        []string      `json:"files"`
	Transactions []Transaction `json:"transactions"`
	// OmittedCount is the number of earlier transactions that the limit left out.
	OmittedCount int `json:"omitted,omitempty"`
}

// Transaction is a transaction in pacman's log.
type Transaction struct {
	// At is when the transaction began, with the time zone in the log.
	At time.Time `json:"at"`
	// Command is the command line of pacman; empty if the log does not contain it.
	Command     string `json:"command,omitempty"`
	FullUpgrade bool   `json:"full_upgrade,omitempty"`
	// Result is completed, interrupted or failed; empty if the log does not contain it.
	Result  string          `json:"result,omitempty"`
	Changes []PackageChange `json:"changes"`
}

// PackageChange is a change of a package.
type PackageChange struct {
	// Action is installed, reinstalled, upgraded, downgraded or removed.
	Action string `json:"action"`
	Name   string `json:"name"`
	// Old is the version before the change; empty for an installed package.
	Old string `json:"old,omitempty"`
	// New is the version after the change; empty for a removed package.
	New string `json:"new,omitempty"`
}
