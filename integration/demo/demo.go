package demo

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// databaseAge is the age of all data when a daemon is started. It is not a whole number of hours, so that the age in full hours is the same
// in each run.
const databaseAge = 3*time.Hour + 30*time.Minute

// Write writes the databases, pacman.conf, the installed files and pacman's log. The databases are three and a half hours old, and
// all other times are those of July 2022.
func Write(s *harness.System) {
	s.T.Helper()
	root := s.Path("root")
	config := "[options]\nArchitecture = x86_64\nRootDir = " + root + "\nDBPath = " + s.DB + "\nLogFile = " + s.Path("pacman.log") + "\nCacheDir = " + s.Path("cache") + "\n"
	synced := time.Now().Add(-databaseAge)
	descriptions := map[string]string{}
	for _, repo := range repositoryNames {
		config += "[" + repo + "]\nServer = https://mirror.invalid/" + repo + "\n"
		var entries []harness.DatabaseEntry
		for _, line := range repositories[repo] {
			f := strings.SplitN(line, " ", 5)
			descriptions[f[0]] = f[4]
			entries = append(entries, harness.NewPackageEntry(f[0], f[1], append(fields(f[0], f[4]), "CSIZE", kib(s, f[2]), "ISIZE", kib(s, f[3]))...))
		}
		harness.WriteFile(s.T, s.SyncDBPath(repo), harness.BuildDatabase(s.T, entries...))
		require.NoError(s.T, os.Chtimes(s.SyncDBPath(repo), synced, synced))
	}
	for _, line := range aurPackages {
		f := strings.SplitN(line, " ", 5)
		descriptions[f[0]] = f[4]
	}
	harness.WriteFile(s.T, s.PacmanConf, config)
	harness.WriteFile(s.T, s.Path("pacman.log"), log+synced.UTC().Format("[2006-01-02T15:04:05-0700]")+" [PACMAN] synchronizing package lists\n")
	require.NoError(s.T, os.MkdirAll(s.Path("cache"), 0o755))
	for _, line := range installed {
		f := strings.Fields(line)
		list := append(fields(f[0], descriptions[f[0]]), "INSTALLDATE", builtAt, "SIZE", kib(s, f[2]))
		if len(f) > 3 {
			list = append(list, "REASON", "1")
		}
		s.Install(f[0], f[1], list...)
		harness.WriteFile(s.T, s.Path("root/usr/share", f[0]), "a file of "+f[0]+"\n")
	}
}

// WriteFileLists writes pacman's lists of files of the repositories. They are as old as the databases.
func WriteFileLists(s *harness.System) {
	s.T.Helper()
	for _, repo := range repositoryNames {
		var entries []harness.DatabaseEntry
		for _, line := range repositories[repo] {
			f := strings.SplitN(line, " ", 3)
			names, ok := commands[f[0]]
			if !ok {
				names = f[0]
			}
			paths := []string{"usr/"}
			if names != "" {
				paths = append(paths, "usr/bin/")
			}
			for name := range strings.FieldsSeq(names) {
				paths = append(paths, "usr/bin/"+name)
			}
			paths = append(paths, "usr/share/", "usr/share/"+f[0])
			entries = append(entries, harness.NewPackageEntry(f[0], f[1], fields(f[0], "")...), harness.NewFilesEntry(f[0], f[1], paths...))
		}
		harness.WriteFile(s.T, s.FilesDBPath(repo), harness.BuildDatabase(s.T, entries...))
		synced := time.Now().Add(-databaseAge)
		require.NoError(s.T, os.Chtimes(s.FilesDBPath(repo), synced, synced))
	}
}

// kib returns the number of bytes of a number of KiB.
func kib(s *harness.System, text string) string {
	s.T.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(s.T, err)
	return strconv.Itoa(n << 10)
}

// StartDaemon starts omgd for a demo system, and waits until it has the data of the AUR and of the tracker.
func StartDaemon(s *harness.System) *harness.Daemon {
	s.T.Helper()
	aur, modified := &fakeserver.AUR{}, time.Now().Add(-databaseAge)
	aur.Replace(s.T, AUR())
	aur.SetModified(modified)
	aurOpen, trackerOpen := make(chan struct{}), make(chan struct{})
	server := fakeserver.Serve(s.T, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isTracker, open := r.URL.Path == "/all.json", aurOpen
		if isTracker {
			open = trackerOpen
		}
		select {
		case <-open:
		case <-r.Context().Done():
			return
		}
		if isTracker {
			w.Header().Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, advisories)
			return
		}
		aur.ServeHTTP(w, r)
	}), nil)
	// omgd adds up to a tenth to the intervals. With these, the times of the next requests in full days and hours are always the same.
	omgd := s.WithEnv("OMG_AUR_ENABLED=true", "OMG_AUR_URL="+server.URL, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+server.URL,
		"OMG_AUR_INTERVAL=30h", "OMG_TRACKER_INTERVAL=190m", "OMG_AUR_LIVE_TIMEOUT=1m", "OMG_NETWORK_TIMEOUT=2m",
		"OMG_NETWORK_PROXY=none").StartDaemon()
	// The sources reply one after the other, so that the last change of the counts is always the same.
	close(aurOpen)
	omgd.AwaitStatus(func(r *wire.StatusResult) bool { return r.Counts.AURUpdates != nil && r.Counts.AURFindings != nil }, "the AUR")
	close(trackerOpen)
	omgd.AwaitStatus(func(r *wire.StatusResult) bool {
		// omgd plans the next request of a source after its data is visible.
		isMissing := func(s wire.Source) bool {
			return s.State != wire.SourceOK || s.Kind != wire.KindRepository && s.NextRequestAt <= time.Now().Unix()
		}
		return len(r.Sources) == 4 && !slices.ContainsFunc(r.Sources, isMissing) && r.Counts.Security != nil
	}, "two repositories, the AUR and the tracker, and the times of their next requests")
	return omgd
}
