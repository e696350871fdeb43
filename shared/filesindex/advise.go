package filesindex

import "os"

// A page that is not in memory takes about as long to read as this many pages that follow each other.
const pagesPerSeek = 16

// advise asks the kernel to read a whole section, if so many of its pieces are read that this is faster than to read each
// when it is needed.
func (f *File) advise(section []byte, pieces int) {
	if pieces > len(section)/os.Getpagesize()/pagesPerSeek {
		f.file.AdviseWillNeed(section)
	}
}
