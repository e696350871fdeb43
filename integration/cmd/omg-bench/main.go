// Command omg-bench measures every figure that the project promises, as ratios within one run, and prints one table.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// bench is one run of all measurements: the figures, and the data that several measurements need.
type bench struct {
	report
	bin            string // the built programs
	peerBin        string // those of an earlier version, with which an idle omgd is compared; empty for none
	dir            string // for temporary files
	corpusDB       string // an unpacked database directory; empty without the corpus
	corpusAUR      string // a dump of the AUR; empty without the corpus
	listsDB        string // a database directory with lists of files; empty without the flag -lists
	runsPerProgram int
	env            []string
	// trackerURL is the address of a replacement for the security tracker.
	trackerURL string
}

func main() {
	if err := runBenchmarks(); err != nil {
		fmt.Fprintf(os.Stderr, "omg-bench: error: %v\n", err)
		os.Exit(3)
	}
}

func runBenchmarks() error {
	bin := flag.String("bin", "bin", "`DIR` of the built programs")
	corpus := flag.String("corpus", "", "`DIR` of the corpus")
	turns := flag.Int("turns", 40, "runs of each program")
	out := flag.String("out", "", "also write the figures to `DIR`, as a table, as JSON and as benchmarks")
	only := flag.String("only", "", "measure only these `PARTS`, separated by commas; the parts are "+strings.Join(partNames(), ", "))
	echo := flag.String("echo", "", "measure nothing, but run the echo server, with which pings are compared, on `SOCKET`")
	peer := flag.String("peer", "", "`DIR` with the built programs of an earlier version, with which an idle omgd is compared")
	lists := flag.String("lists", "", "database `DIR` with lists of files of Debian's packages, for the part lists")
	flag.Parse()
	if *echo != "" {
		return serveEcho(*echo)
	}

	dir, err := os.MkdirTemp("", "omg-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	abs, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	// Measure a copy, because installed programs are copies too. The kernel maps a file that the linker has just
	// written page by page, which makes each start a tenth slower.
	b := &bench{bin: filepath.Join(dir, "bin"), dir: dir, listsDB: *lists, runsPerProgram: *turns}
	if err := os.CopyFS(b.bin, os.DirFS(abs)); err != nil {
		return err
	}
	if *peer != "" {
		if b.peerBin, err = filepath.Abs(*peer); err != nil {
			return err
		}
	}
	b.Machine = describeMachine()
	b.env = []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "XDG_RUNTIME_DIR=" + dir,
		"OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false", "OMG_NEWS_ENABLED=false",
	}
	if err := b.unpackCorpus(*corpus); err != nil {
		return err
	}
	stop := b.startTracker()
	defer stop()
	err = b.measure(*only)
	b.writeMarkdown(os.Stdout)
	if *out != "" {
		err = errors.Join(err, b.writeAllFormats(*out))
	}
	return err
}

// measurementParts are the measurements that the flag -only can select, in the order in which the table shows them.
var measurementParts = []struct {
	name    string
	measure func(*bench) error
}{
	{"processes", (*bench).measureProgramRuns},
	{"sizes", (*bench).measureGrowingIndexes},
	{"files", (*bench).measureSplitIndex},
	{"lists", (*bench).measureLists},
	{"aur", (*bench).measureAUR},
	{"publish", (*bench).measurePublishing},
	{"journal", (*bench).measureJournal},
	{"advisories", (*bench).measureAdvisories},
	{"quality", (*bench).measureQuality},
	{"probe", (*bench).measureProbe},
	{"commands", (*bench).measureCommand},
	{"owns", (*bench).measureOwns},
	{"browse", (*bench).measureBrowse},
	{"fleet", (*bench).measureFleet},
	{"agent", (*bench).measureAgent},
	{"fleetweb", (*bench).measureFleetWeb},
	{"idle", (*bench).measureIdle},
	{"change", (*bench).measureChangeDelay},
	{"ping", (*bench).measurePing},
	{"load", (*bench).measureLoad},
}

func partNames() []string {
	names := make([]string, len(measurementParts))
	for i, p := range measurementParts {
		names[i] = p.name
	}
	return names
}

// measure measures one part, or all. A part that fails is named at the end and does not affect the others.
func (b *bench) measure(only string) error {
	var wanted []string
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("there is no part %q: the parts are %s", name, strings.Join(partNames(), ", "))
		}
	}
	var failed []error
	for _, p := range measurementParts {
		if wanted != nil && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := p.measure(b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(failed...)
}

// unpackCorpus unpacks the corpus' databases, if they exist.
func (b *bench) unpackCorpus(corpus string) error {
	archive := filepath.Join(corpus, "pacman-db.tar.gz")
	if _, err := os.Stat(archive); corpus == "" || err != nil {
		fmt.Fprintln(os.Stderr, "no corpus: its figures are left out")
		return nil
	}
	b.corpusDB, b.corpusAUR = filepath.Join(b.dir, "corpus"), filepath.Join(corpus, "packages-meta-ext-v1.json.gz")
	if err := os.Mkdir(b.corpusDB, 0o755); err != nil {
		return err
	}
	return exec.Command("tar", "xzf", archive, "-C", b.corpusDB).Run()
}

// buildHelloProgram builds a program that only prints one line. No Go program can take less time.
func (b *bench) buildHelloProgram() (string, error) {
	path := filepath.Join(b.bin, "hello")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	src := filepath.Join(b.dir, "hello.go")
	err := os.WriteFile(src, []byte("package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"hello\\n\") }\n"), 0o644)
	if err != nil {
		return "", err
	}
	linked := filepath.Join(b.dir, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(linked, "hello"), src)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building hello: %w: %s", err, output)
	}
	return path, os.CopyFS(b.bin, os.DirFS(linked)) // like ours
}

// writePacmanConf writes a pacman.conf with the three repositories.
func (b *bench) writePacmanConf(repositories ...string) (string, error) {
	var s strings.Builder
	s.WriteString("[options]\nArchitecture = x86_64\nSigLevel = Never\n")
	for _, repo := range repositories {
		fmt.Fprintf(&s, "[%s]\nServer = file:///nowhere\n", repo)
	}
	path := filepath.Join(b.dir, strings.Join(repositories, "-")+".conf")
	return path, os.WriteFile(path, []byte(s.String()), 0o644)
}
