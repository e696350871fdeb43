package server

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peerGroups returns a peer's supplementary groups from the kernel (SO_PEERGROUPS, see
// unix(7)).
func peerGroups(raw syscall.RawConn) (groups []uint32, err error) {
	cerr := raw.Control(func(fd uintptr) {
		groups = make([]uint32, 64)
		for range 2 { // if the buffer is too small, the first system call returns the size that is needed
			size := uint32(len(groups) * 4)
			_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
				uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
			if errno == unix.ERANGE {
				groups = make([]uint32, size/4)
				continue
			}
			groups, err = groups[:min(int(size/4), len(groups))], nil
			if errno != 0 {
				groups, err = nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", errno)
			}
			return
		}
		groups, err = nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", unix.ERANGE)
	})
	return groups, errors.Join(cerr, err)
}
