package posixre

import (
	"bufio"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracleSource asks glibc. A line is the expression and the texts, each an x and
// its bytes in hexadecimal, with colons between; the answer is "error: why", or
// a 0 or 1 for each text. A line "class NAME" is answered with the ranges of its members.
const oracleSource = `
#include <locale.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

static char *unhex(char *in) {
	size_t n = strlen(in) / 2;
	char *out = malloc(n + 1);
	unsigned c;
	for (size_t i = 0; i < n; i++) {
		sscanf(in + 2 * i, "%2x", &c);
		out[i] = c;
	}
	out[n] = 0;
	return out;
}

int main(void) {
	static char line[1 << 20];
	if (!setlocale(LC_ALL, "C.UTF-8")) return 1;
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "class ", 6)) {
			wctype_t class = wctype(line + 6);
			for (wint_t c = 0; c < 0x110000; c++) {
				wint_t first = c;
				while (c < 0x110000 && iswctype(c, class)) c++;
				if (c > first) printf("%x-%x ", first, c - 1);
			}
		} else {
			regex_t re;
			char why[200], *expr = unhex(strtok(line, ":") + 1), *field;
			int code = regcomp(&re, expr, REG_EXTENDED | REG_NOSUB | REG_ICASE | REG_NEWLINE);
			if (code) {
				regerror(code, &re, why, sizeof why);
				printf("error: %s", why);
			} else {
				while ((field = strtok(NULL, ":"))) {
					char *text = unhex(field + 1);
					putchar(regexec(&re, text, 0, NULL, 0) ? '0' : '1');
					free(text);
				}
				regfree(&re);
			}
			free(expr);
		}
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
`

// glibc is the real regcomp as a running program.
type glibc struct {
	t   testing.TB
	in  *bufio.Writer
	out *bufio.Reader
}

func startGlibc(t testing.TB) *glibc {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to ask glibc with")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "oracle.c"), filepath.Join(dir, "oracle")
	require.NoError(t, os.WriteFile(source, []byte(oracleSource), 0o600))
	built, err := exec.Command(cc, "-O1", "-o", program, source).CombinedOutput()
	require.NoError(t, err, string(built))

	cmd := exec.Command(program)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, cmd.Wait())
	})
	return &glibc{t, bufio.NewWriter(in), bufio.NewReaderSize(out, 1<<20)}
}

func (g *glibc) ask(line string) string {
	g.t.Helper()
	_, err := g.in.WriteString(line + "\n")
	require.NoError(g.t, err)
	require.NoError(g.t, g.in.Flush())
	answer, err := g.out.ReadString('\n')
	require.NoError(g.t, err)
	return strings.TrimSuffix(answer, "\n")
}

// match returns glibc's error, or a 0 or 1 for each text.
func (g *glibc) match(expr string, texts ...string) string {
	g.t.Helper()
	line := "x" + hex.EncodeToString([]byte(expr))
	for _, text := range texts {
		line += ":x" + hex.EncodeToString([]byte(text))
	}
	return g.ask(line)
}
