package sectionfile

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// File is an open file of sections. Its methods are safe for concurrent use, but not after Close.
type File struct {
	format *Format
	path   string
	data   []byte // the whole file
	mapped bool
	table  map[string]section
}

// Open maps the file at path. It reads only the header and the section table. It refuses a file that the group or all
// users can write, and a file whose owner the function trust rejects. If trust is nil, every owner is accepted. The
// errors do not contain the path.
func (m *Format) Open(path string, trust func(uid uint32) bool) (*File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if err := checkFileStat(&st, trust); err != nil {
		return nil, err
	}
	f, err := m.mapFile(fd, &st)
	if err == nil {
		f.path = path
	}
	return f, err
}

// OpenFromFile maps an open file that cannot change, such as a sealed memory file. The returned File has an empty path.
// The caller may close the os.File afterwards.
func (m *Format) OpenFromFile(file *os.File) (*File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	return m.mapFile(int(file.Fd()), &st)
}

func (m *Format) mapFile(fd int, st *unix.Stat_t) (*File, error) {
	head := make([]byte, min(st.Size, headerSize+sectionEntrySize*maxSections))
	if err := readFull(fd, head); err != nil {
		return nil, err
	}
	// Check a copy of the header: another process can change the file after the check, but not the copy.
	if _, _, err := m.unmarshalHeader(head, st.Size); err != nil {
		return nil, err
	}
	if err := checkNotSparse(fd, st); err != nil {
		return nil, err
	}
	data, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	f, err := m.openData(head, data)
	if err != nil {
		_ = unix.Munmap(data)
		return nil, err
	}
	f.mapped = true
	return f, nil
}

// maxFileHolesChecked is the number of holes after which checkNotSparse ignores the rest of the file.
const maxFileHolesChecked = 1024

// checkNotSparse refuses a file if more than half of it was never written, since a tiny sparse file could make a reader spend
// memory and time on gigabytes of zeros. Small holes are allowed: a copy of an index may have holes where the index has
// zeros. A compressing file system uses fewer blocks than the file has bytes, but reports no holes.
func checkNotSparse(fd int, st *unix.Stat_t) error {
	size := st.Size
	if st.Blocks*512 >= size/2 {
		return nil
	}
	// The caller may use the offset of the open file, so restore it at the end.
	at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
	if err != nil {
		return os.NewSyscallError("lseek", err)
	}
	defer func() { _, _ = unix.Seek(fd, at, unix.SEEK_SET) }()
	written := int64(0)
	for hole, n := int64(0), 0; hole < size && n <= maxFileHolesChecked; n++ {
		data, err := unix.Seek(fd, hole, unix.SEEK_DATA)
		if err == unix.EINVAL && n == 0 {
			return nil // the file system does not support SEEK_DATA
		}
		if err != nil {
			break // there is no data after the hole
		}
		if hole, err = unix.Seek(fd, data, unix.SEEK_HOLE); err != nil {
			return os.NewSyscallError("lseek", err)
		}
		written += hole - data
	}
	if written < size/2 {
		return fmt.Errorf("%w: only %d of its %d bytes were written", ErrDamaged, written, size)
	}
	return nil
}

// CheckFileOwner returns the error with which Open would refuse the file f: f is not a regular file, the group or all users
// can write it, or the function trust rejects its owner.
func CheckFileOwner(f *os.File, trust func(uid uint32) bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	return checkFileStat(&st, trust)
}

func checkFileStat(st *unix.Stat_t, trust func(uint32) bool) error {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%w: not a regular file", ErrNotIndex)
	}
	if trust == nil {
		trust = func(uint32) bool { return true }
	}
	return paths.CheckFileTrust(st, trust)
}

func readFull(fd int, b []byte) error {
	for off := 0; off < len(b); {
		n, err := unix.Pread(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return fmt.Errorf("%w: the file became shorter while it was read", ErrDamaged)
		}
		off += n
	}
	return nil
}

// OpenBytes opens a file in memory.
func (m *Format) OpenBytes(data []byte) (*File, error) {
	return m.openData(data[:min(len(data), headerSize+sectionEntrySize*maxSections)], data)
}

// openData reads the header and the section table. head is a copy of the start of data.
func (m *Format) openData(head, data []byte) (*File, error) {
	n, crc, err := m.unmarshalHeader(head, int64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(head) < headerSize+n*sectionEntrySize {
		return nil, fmt.Errorf("%w: section table truncated", ErrDamaged)
	}
	table, err := m.unmarshalSectionTable(head[headerSize:headerSize+n*sectionEntrySize], crc, int64(len(data)))
	if err != nil {
		return nil, err
	}
	return &File{format: m, data: data, table: table}, nil
}

// Close unmaps the file. All bytes of its sections become invalid.
func (f *File) Close() error {
	data := f.data
	f.data = nil
	if !f.mapped || data == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(data))
}

// Path returns the path from which the file was opened, or an empty string for a file in memory.
func (f *File) Path() string { return f.path }

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return int64(len(f.data)) }

// Section returns the bytes of a section, which are part of the mapped file. The format must list the section.
func (f *File) Section(name string) []byte {
	s := f.table[name]
	return f.data[s.offset : s.offset+s.length : s.offset+s.length]
}

// AdviseRandom tells the kernel that the file is read in small pieces. Without it, the kernel reads up to some megabytes
// around each piece.
func (f *File) AdviseRandom() {
	if f.mapped {
		_ = unix.Madvise(f.data, unix.MADV_RANDOM)
	}
}

// AdviseWillNeed tells the kernel that the bytes, a part of a section, are read soon and completely.
func (f *File) AdviseWillNeed(b []byte) {
	if !f.mapped || len(b) == 0 {
		return
	}
	// The address must be that of a page.
	start := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(f.data))))
	page := start &^ (os.Getpagesize() - 1)
	_ = unix.Madvise(f.data[page:start+len(b)], unix.MADV_WILLNEED)
}

// VerifyChecksums verifies the checksum of every section of the format, which is about as fast as reading the file from
// memory. The error wraps ErrDamaged.
func (f *File) VerifyChecksums() error {
	for _, name := range f.format.Sections {
		if err := f.VerifyChecksum(name); err != nil {
			return err
		}
	}
	return nil
}

// VerifyChecksum verifies the checksum of one section. The error wraps ErrDamaged.
func (f *File) VerifyChecksum(name string) error {
	return GuardFaults(func() error {
		if Checksum(f.Section(name)) != f.table[name].crc {
			return fmt.Errorf("%w: wrong checksum of section %s", ErrDamaged, name)
		}
		return nil
	})
}
