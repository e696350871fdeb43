package backend

// InventoryRequest asks for the inventory of this host.
type InventoryRequest struct {
	// OutputPath is the file to which the inventory is written, compressed if the name of the file ends with .zst; empty for none.
	OutputPath string
	// CertainOnly means that no file is written if a part of the inventory is not complete and current.
	CertainOnly bool
}
