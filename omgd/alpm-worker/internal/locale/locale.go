//go:build libalpm

package locale

/*
#include <locale.h>

// utf8 tries three UTF-8 locales, because no name exists on every system.
static int utf8(void) {
	return setlocale(LC_CTYPE, "C.UTF-8") || setlocale(LC_CTYPE, "C.utf8") || setlocale(LC_CTYPE, "en_US.UTF-8");
}
*/
import "C"

// SetUTF8 sets LC_CTYPE to a UTF-8 locale in the whole process, and reports whether the system has such a locale.
func SetUTF8() bool { return C.utf8() != 0 }
