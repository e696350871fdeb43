//go:build libalpm

package locale

/*
#include <locale.h>

// Each of these exists on some system; all are UTF-8.
static int utf8(void) {
	return setlocale(LC_CTYPE, "C.UTF-8") || setlocale(LC_CTYPE, "C.utf8") || setlocale(LC_CTYPE, "en_US.UTF-8");
}
*/
import "C"

// UTF8 sets a locale for characters, for the whole process, and reports whether
// there is one.
func UTF8() bool { return C.utf8() != 0 }
