package filesindex

// OpenBytes opens an index in memory.
func OpenBytes(data []byte) (*File, error) {
	f, err := format.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	return openSections(f)
}
