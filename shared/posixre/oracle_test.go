package posixre

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// oracleSource is a C program that runs glibc's regcomp. A line of its input has an expression and the texts to match,
// separated by colons; each is an "x" and its bytes in hexadecimal. The output line is "error: " and the reason, or a 0
// or 1 for each text. If the input line is "class NAME", the output line has the ranges of that class's members.
const oracleSource = `
#include <locale.h>
#include <poll.h>
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

/* Reports whether more of the input is there already. */
static int waiting(void) {
	struct pollfd in = { 0, POLLIN, 0 };
	return poll(&in, 1, 0) > 0;
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
		if (!waiting()) fflush(stdout);
	}
	return 0;
}
`

// glibc is a running process of the C program.
type glibc struct {
	t   testing.TB
	in  *bufio.Writer
	out *bufio.Reader
}

// glibcProgram is the C program, which is built once for all tests.
var glibcProgram struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if glibcProgram.dir != "" {
		_ = os.RemoveAll(glibcProgram.dir)
	}
	os.Exit(code)
}

func buildGlibc(cc string) error {
	dir, err := os.MkdirTemp("", "posixre-")
	if err != nil {
		return err
	}
	glibcProgram.dir = dir
	cmd := exec.Command(cc, "-O1", "-o", filepath.Join(dir, "oracle"), "-x", "c", "-")
	cmd.Stdin = strings.NewReader(oracleSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func startGlibc(t testing.TB) *glibc {
	t.Helper()
	cc := need.Program(t, "cc")
	glibcProgram.once.Do(func() { glibcProgram.err = buildGlibc(cc) })
	require.NoError(t, glibcProgram.err)

	cmd := exec.Command(filepath.Join(glibcProgram.dir, "oracle"))
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

// question is an expression and the texts to match.
type question struct {
	expr  string
	texts []string
}

func (q question) line() string {
	line := "x" + hex.EncodeToString([]byte(q.expr))
	for _, text := range q.texts {
		line += ":x" + hex.EncodeToString([]byte(text))
	}
	return line
}

// match returns glibc's error, or one digit for each text: 1 if the text matches, otherwise 0.
func (g *glibc) match(expr string, texts ...string) string {
	g.t.Helper()
	return g.ask(question{expr, texts}.line())
}

// matchAll returns the result of match for every question. It sends further questions while glibc is answering the
// first ones.
func (g *glibc) matchAll(all []question) (answers []string) {
	g.t.Helper()
	asked := make(chan error, 1)
	go func() {
		for _, q := range all {
			if _, err := g.in.WriteString(q.line() + "\n"); err != nil {
				asked <- err
				return
			}
		}
		asked <- g.in.Flush()
	}()
	for range all {
		answer, err := g.out.ReadString('\n')
		require.NoError(g.t, err)
		answers = append(answers, strings.TrimSuffix(answer, "\n"))
	}
	require.NoError(g.t, <-asked)
	return answers
}
