package demo

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// Escapes is text with terminal controls: a title, a cleared screen, colours, a line end, a C1 control, and a right-to-left override.
const Escapes = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\x08\x7f\u009b32m\u202egnp.exe\u2066"

// HostileNames are the names of the packages that WriteHostile writes.
var HostileNames = []string{"evil", "wide", "zero", "-rf", "--help"}

// WriteHostile writes the databases of a system in which everyone who can write a text tries to deceive its reader: packages with escape
// sequences, addresses that are none of the web, characters of two columns and of none, and names that look like options. All of them are
// installed, from a repository and in the AUR, and can be updated. The journal of the AUR is in the data directory.
func WriteHostile(s *harness.System, dataDir string) {
	t := s.T
	t.Helper()
	descriptions := map[string]string{
		"evil":   "nice " + Escapes + " tool",
		"wide":   strings.Repeat("中文 字符 ", 12) + "🎉 ｗｉｄｅ",
		"zero":   "in\u200bvisible cafe\u0301 \u200d\u2060 " + strings.Repeat("e\u0301e\u0302 ", 20),
		"-rf":    "an option",
		"--help": "a command",
	}
	addresses := map[string]string{
		"evil": "https://evil.example/" + Escapes, "wide": "javascript:alert(1)", "zero": "file:///etc/passwd", "-rf": "-rf", "--help": "https://good.example/",
	}
	harness.WriteFile(t, s.PacmanConf, fmt.Sprintf("[options]\nArchitecture = x86_64\nRootDir = %s\nDBPath = %s\nLogFile = %s\nCacheDir = %s\n[extra]\nServer = https://mirror.invalid/\n",
		s.DB+"/root", s.DB, s.DB+"/pacman.log", s.DB+"/cache"))
	harness.WriteFile(t, s.DB+"/pacman.log", "[2022-07-05T06:30:00+0000] [PACMAN] Running 'pacman -S "+strings.ReplaceAll(Escapes, "\r", "")+" --help'\n"+
		"[2022-07-05T06:30:02+0000] [ALPM] transaction started\n[2022-07-05T06:30:02+0000] [ALPM] installed --help (1-1)\n"+
		"[2022-07-05T06:30:02+0000] [ALPM] upgraded evil (1-1 -> 2"+strings.ReplaceAll(Escapes, "\r", "")+")\n[2022-07-05T06:30:02+0000] [ALPM] transaction completed\n")
	var entries []harness.DatabaseEntry
	var old, latest []string
	for _, name := range HostileNames {
		list := []string{
			"DESC", descriptions[name], "URL", addresses[name], "LICENSE", Escapes, "GROUPS", "evil" + Escapes + "\ntools", "PACKAGER", Escapes, "PROVIDES", "sh" + Escapes,
			"OPTDEPENDS", "bash: " + Escapes, "BUILDDATE", builtAt, "ISIZE", "4096", "CSIZE", "2048", "SIZE", "4096", "INSTALLDATE", builtAt, "VALIDATION", Escapes,
		}
		if name != "evil" {
			list = append(list, "DEPENDS", "evil")
		}
		entries = append(entries, harness.NewPackageEntry(name, "2-1", list...))
		s.Install(name, "1-1", list...)
		s.Install("aur-"+name, "1-1", list...)
		object := fmt.Sprintf(`{"Name":%q,"PackageBase":%[1]q,"Description":%[2]s,"URL":%[3]s,"Version":"%%s","Maintainer":%%s,"LastModified":%%d,"NumVotes":1,"Popularity":0.5}`,
			"aur-"+name, jsonText(descriptions[name]), jsonText(addresses[name]))
		old = append(old, fmt.Sprintf(object, "1-1", "null", 1_650_000_000))
		latest = append(latest, fmt.Sprintf(object, "2-1", jsonText("eve"+Escapes), Now.Add(-12*time.Hour).Unix()))
	}
	for i := range 20 { // without these, too many packages of the AUR would have changed to be believed
		other := fmt.Sprintf(`{"Name":"other%d","PackageBase":"other%[1]d","Version":"1-1","Maintainer":"eva","LastModified":1650000000}`, i)
		old, latest = append(old, other), append(latest, other)
	}
	harness.WriteFile(t, s.SyncDBPath("extra"), harness.BuildDatabase(t, entries...))
	synced := Now.Add(-6 * time.Hour)
	require.NoError(t, os.Chtimes(s.SyncDBPath("extra"), synced, synced))
	writeJournal(s, dataDir, "["+strings.Join(old, ",")+"]", "["+strings.Join(latest, ",")+"]")
	writeHostileNews(s, dataDir)
	require.NoError(t, os.MkdirAll(s.DB+"/root/usr/share", 0o755))
}
