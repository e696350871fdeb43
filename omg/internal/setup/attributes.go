package setup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// keepAttributes gives a new file the group and the extended attributes, such as access control lists, of the file at the path
// that it is to replace. It returns an error if it cannot.
func keepAttributes(f *os.File, path string, group uint32) error {
	if err := f.Chown(-1, int(group)); err != nil {
		return fmt.Errorf("its group %d cannot be kept: %w", group, errors.Unwrap(err))
	}
	fd := int(f.Fd())
	old, err := os.Open(path)
	if err != nil {
		return err
	}
	defer old.Close()
	wanted, err := attributeNames(int(old.Fd()))
	if err != nil {
		return err
	}
	for _, name := range wanted {
		if err := copyAttribute(fd, int(old.Fd()), name); err != nil {
			return fmt.Errorf("its attribute %s cannot be kept: %w", name, err)
		}
	}
	has, err := attributeNames(fd) // the directory may give its files an access control list
	if err != nil {
		return err
	}
	for _, name := range has {
		if slices.Contains(wanted, name) {
			continue
		}
		if err := unix.Fremovexattr(fd, name); err != nil {
			return fmt.Errorf("the new file would have an attribute %s: %w", name, err)
		}
	}
	return nil
}

// attributeNames returns the names of the extended attributes of an open file.
func attributeNames(fd int) ([]string, error) {
	names := make([]byte, 1<<16) // the kernel's limit
	n, err := unix.Flistxattr(fd, names)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return nil, os.NewSyscallError("flistxattr", err)
	}
	return strings.FieldsFunc(string(names[:max(0, n)]), func(r rune) bool { return r == 0 }), nil
}

func copyAttribute(to, from int, name string) error {
	value, same := make([]byte, 1<<16), make([]byte, 1<<16) // the kernel's limit
	n, err := unix.Fgetxattr(from, name, value)
	if err != nil {
		return err
	}
	if m, err := unix.Fgetxattr(to, name, same); err == nil && bytes.Equal(same[:m], value[:n]) {
		return nil // setting it may need a privilege, as for security.selinux
	}
	return unix.Fsetxattr(to, name, value[:n], 0)
}
