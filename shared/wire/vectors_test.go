package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/need"
)

var update = flag.Bool("update", false, "write testdata/vectors.json again")

const vectorFile = "testdata/vectors.json"

// vector is a frame, including its length, and its decoded value. A frame that must be refused has no value; Why says which
// rule the frame breaks.
type vector struct {
	Name  string `json:"name"`
	Frame string `json:"frame"`
	Value any    `json:"value,omitempty"`
	Why   string `json:"why,omitempty"`
}

func request(id uint64, op string, req any) []byte {
	b, err := AppendRequest(nil, id, op, req)
	if err != nil {
		panic(err)
	}
	return b
}

func result(id uint64, more bool, v any) []byte {
	b, err := msgpack.Marshal(v)
	if err != nil {
		panic(err)
	}
	return AppendResult(nil, id, b, more)
}

func frame(body ...byte) []byte { return EndFrame(append(BeginFrame(nil), body...), 0) }

func count(n uint32) *uint32 { return &n }

// good returns valid frames, by name: at least one request and one result of each operation, and some error replies.
func good() map[string][]byte {
	source := Source{Name: "extra", Kind: KindRepository, State: SourceStale, Why: "older than 24 h", AsOf: 1_700_000_000, ChangedAt: 1_700_000_100}
	firefox := Package{Repo: "extra", Name: "firefox", Version: "120.0-1", Desc: "Fast, Private & Safe Web Browser", Groups: []string{"web"}}
	full := firefox
	full.Base, full.Filename, full.Arch, full.URL = "firefox", "firefox-120.0-1-x86_64.pkg.tar.zst", "x86_64", "https://www.mozilla.org/firefox/"
	full.Licenses, full.Provides = []string{"MPL-2.0"}, []string{"browser=120"}
	full.Depends, full.OptDepends = []string{"gtk3", "glibc>=2.38"}, []string{"libnotify: Notifications"}
	full.MakeDepends, full.CheckDepends = []string{"rust"}, []string{"xorg-server-xvfb"}
	full.Conflicts, full.Replaces = []string{"firefox-old"}, []string{"iceweasel"}
	full.CSize, full.ISize, full.Packager, full.BuildDate = 66_000_000, 5_000_000_000, "Jan Grüße <jan@example.org>", 1_699_999_999
	full.Validation, full.SHA256 = []string{"sha256", "pgp"}, strings.Repeat("0f", 32)
	full.InstalledVersion, full.Advisories = "119.0-1", []string{"AVG-1 (High, fixable)"}
	aur := Package{Repo: "aur", Name: "firefox-git", Version: "r1-1", Shadowed: true, AUR: &AUR{
		Votes: 300, Popularity: 1.25, OutOfDate: 1_690_000_000, Maintainer: "jan", Submitter: "eva", CoMaintainers: []string{"ina"},
		Submitted: 1_500_000_000, Modified: 1_600_000_000, Keywords: []string{"browser"}, URLPath: "/cgit/aur.git/snapshot/firefox-git.tar.gz",
	}}
	mallory := "mallory"
	download, change := uint64(1_900_000), int64(-2048)
	mark := &AURMark{Level: FindingLevelLook, Reasons: []string{"adopted-and-updated", "out-of-date"}}
	live := aur
	asked := *aur.AUR
	live.AUR, asked.PendingRequests = &asked, count(1)
	served := ServedPaths{DBPath: "/srv/pacman", PacmanConfig: "/srv/pacman.conf"}
	basis := Basis{Generation: 9, ConfirmedAt: 1_700_000_200, Sources: []Source{source}}
	remembered := basis
	remembered.Stale, remembered.Why = true, "an older state"
	failed := Source{Name: "core", Kind: KindRepository, State: SourceFailed, Why: "read /var/lib/pacman/sync/core.db: the file is cut off: pacman -Syy downloads it again"}
	last := Source{
		Name: "extra", Kind: KindRepository, State: SourceStale, Why: "it has changed and is being indexed",
		AsOf: 1_700_000_000, ChangedAt: 1_700_000_100, SyncedAt: 1_700_000_150, Outdated: true,
	}
	partial := Basis{Generation: 10, ConfirmedAt: 1_700_000_200, Partial: true, Sources: []Source{failed, last}}
	counts := Counts{
		Installed: count(924), Explicit: count(0), Updates: count(70_000), AURUpdates: count(3),
		AUR: &AURCounts{1, 2, 3, 4, 5, 6, 7}, Security: &SecurityCounts{6, 1, 2, 1, 1, 1, 3, 1, 2, 4},
	}
	headline := NewsHeadline{ID: "tag:archlinux.org,2023-11-01:/news/x/", Title: "linux-firmware requires manual intervention", URL: "https://archlinux.org/news/x/", PublishedAt: 1_698_800_000}
	fileList := Source{Name: "extra", Kind: KindFiles, State: SourceOK, AsOf: 1_700_000_000, ChangedAt: 1_700_000_100}
	ripgrep := RepositoryPackage{Repo: "extra", Name: "ripgrep", Version: "14.1.1-1", Groups: []string{"tools"}, InstalledVersion: "14.1.0-1"}
	return map[string][]byte{
		"ping":                     request(7, OpPing, nil),
		"ping result":              AppendResult(nil, 7, []byte{0x80}, false),
		"hello":                    request(1, OpHello, &HelloRequest{Protocol: ProtocolVersion, Client: "omg 1.0.0"}),
		"hello result":             result(1, false, &HelloResult{Protocol: ProtocolVersion, Server: "1.0.0", ServedPaths: served}),
		"search":                   request(2, OpSearch, &SearchRequest{Words: []string{"fire", "desc:browser"}}),
		"search, all fields":       request(1<<64-1, OpSearch, &SearchRequest{Words: []string{"^lib"}, Regex: true, NameOnly: true, Repos: []string{"core", "extra"}, Sort: SortName, Limit: 70_000}),
		"search, live":             request(3, OpSearch, &SearchRequest{Words: []string{"yay"}, Live: true}),
		"search, second page":      request(3, OpSearch, &SearchRequest{AllRepos: true, Limit: 200, Skip: 200}),
		"search, no AUR":           request(3, OpSearch, &SearchRequest{Words: []string{"yay"}, NoAUR: true, Sort: SortVotes}),
		"search, all repositories": request(3, OpSearch, &SearchRequest{Words: []string{"group:=gnome"}, NoAUR: true, AllRepos: true, Sort: SortRepo}),
		"search, offline":          request(3, OpSearch, &SearchRequest{Words: []string{"yay"}, Offline: true}),
		"search result, second part": result(3, false, &struct {
			Total    uint32    `msgpack:"total"`
			Packages []Package `msgpack:"packages"`
			Sources  []Source  `msgpack:"sources"`
		}{1, []Package{aur}, []Source{{Name: "aur", Kind: KindAUR, State: SourceStale, Why: "the AUR does not answer in time", AsOf: 1_700_000_000}}}),
		"info, offline":                  request(301, OpInfo, &InfoRequest{Names: []string{"yay"}, Offline: true}),
		"search result, chunk 1":         result(2, true, &SearchResult{Basis: basis, Total: 2, Packages: []Package{firefox}}),
		"search result, chunk 2":         result(2, false, map[string]any{"packages": []Package{aur}}),
		"search result, partial":         result(2, false, &SearchResult{Basis: partial, Total: 1, Packages: []Package{firefox}}),
		"search result without packages": result(3, false, &SearchResult{Basis: Basis{Generation: 1 << 40}, Suggestions: []Suggestion{{Name: "firefox", Reason: SuggestionSpelling}}}),
		"info":                           request(300, OpInfo, &InfoRequest{Names: []string{"firefox", "extra/none"}}),
		"search result, a command":       result(3, false, &SearchResult{Basis: Basis{Generation: 1}, Total: 1, Packages: []Package{{Repo: "extra", Name: "c"}}, Suggestions: []Suggestion{{Name: "ripgrep", Reason: SuggestionCommand}}}),
		"info result":                    result(300, false, &InfoResult{Basis: Basis{Generation: 6}, Packages: []Package{full}, Missing: []MissingName{{Name: "extra/none", Suggestions: []Suggestion{{Name: "nano", Reason: SuggestionSpelling}}}}}),
		"aur_info":                       request(302, OpAURInfo, &AURInfoRequest{Names: []string{"firefox-git", "own-tool", "gone"}}),
		"aur_info result": result(302, false, &AURInfoResult{
			Sources: []Source{{Name: "aur", Kind: KindAUR, State: SourceOK, AsOf: 1_700_000_000, ChangedAt: 1_700_000_000}}, Packages: []Package{live}, NotAsked: []string{"own-tool"},
		}),
		"aur_info result, no reply": result(302, false, &AURInfoResult{
			Sources: []Source{{Name: "aur", Kind: KindAUR, State: SourceMissing, Why: "the AUR does not answer in time"}}, Packages: []Package{},
		}),
		"aur_pkgbuild":                 request(304, OpAURPKGBUILD, &AURPKGBUILDRequest{Name: "firefox-git"}),
		"aur_pkgbuild result, chunk 1": result(304, true, &AURPKGBUILDResult{Base: "firefox-git", AsOf: 1_700_000_000, Content: []byte("pkgname=firefox")}),
		"aur_pkgbuild result, chunk 2": result(304, false, &AURPKGBUILDResult{Content: []byte("-git\xff")}),
		"aur_check":                    request(303, OpAURCheck, nil),
		"aur_check result": result(303, false, &AURCheckResult{
			Basis:        Basis{Generation: 6, ConfirmedAt: 1_700_000_200},
			Journal:      JournalReading{Path: "/var/lib/omg/index/aur.omgjournal", ObservedFrom: 1_690_000_000, ObservedTo: 1_700_000_000, CompleteSince: 1_690_000_000},
			CheckedCount: 2, Bases: []string{"firefox-git", "old"}, DumpDiffers: true, NotInAUR: []string{"own-tool"},
			IncidentLists: []IncidentList{{Location: "/usr/share/omg/aur-incidents.toml", Name: "documented incidents", Sequence: 3, Expires: "2027-01-31"}},
			Packages: []CheckedPackage{{
				Name: "firefox-git", Base: "firefox-git", Installed: "r1-1",
				Evidence: &InstallEvidence{BuiltAt: 1_699_999_999, InstalledAt: 1_700_000_001, Packager: "Unknown Packager", Validation: []string{"none"}},
				Findings: []AURFinding{
					{Level: FindingLevelAct, Reason: "known-incident", Incident: &AURIncident{
						What: "malware was added", Source: "https://lists.example/1", List: "/usr/share/omg/aur-incidents.toml", First: "2026-06-09", Last: "2026-06-12", BuiltAt: 1_699_999_999,
					}},
					{Level: FindingLevelLook, Reason: "adopted-and-updated", UpdatedAt: 1_699_000_000, Events: []AUREvent{
						{Base: "firefox-git", Event: "adopted", New: &mallory, After: 1_698_000_000, Before: 1_698_086_400, Source: "dump"},
					}},
					{Level: FindingLevelNote, Reason: "scriptlet-enables-service", Scriptlet: []ScriptletFact{{Line: 3, Function: "post_install", Subject: "systemctl enable", Text: "systemctl enable x"}}},
				},
			}},
		}),
		"status": request(8, OpStatus, nil),
		"status result": result(8, false, &StatusResult{
			Basis: remembered, Counts: counts,
			Index:           IndexStatus{Packages: 3568, BuiltAt: 1_700_000_000, Files: []string{"/var/lib/omg/index/core.omgidx", "/var/lib/omg/index/extra.omgidx"}},
			ComparedSources: []Source{{Name: "extra", Kind: KindRepository, State: SourceOK, AsOf: 1_700_000_000, ChangedAt: 1_700_000_100, Downloaded: true}},
			Runtimes:        []Runtime{{Runtime: "node", Version: "20.1.0", Manager: "omg", Path: "/d/versions/node/20.1.0", Wanted: "20", WantedKind: "range", WantedSource: "/d/versions/node/current"}},
			Problems:        []Problem{{Name: "libalpm", State: "missing", Why: "not installed"}},
		}),
		"status result, partial": result(8, false, &StatusResult{
			Basis: partial, Counts: Counts{Installed: count(924), Updates: count(2)}, PartialCounts: []string{"updates"},
			RepositoryUpdates: []RepositoryCount{{Repo: "core", Count: 2}},
			Index:             IndexStatus{Packages: 3000, BuiltAt: 1_700_000_000, Files: []string{"/var/lib/omg/index/extra.omgidx"}},
		}),
		"status result, lists of files": result(8, false, &StatusResult{Basis: basis, Counts: counts, FileLists: []Source{fileList}}),
		"status result, git archive": result(8, false, &StatusResult{
			Basis: Basis{Generation: 6, Sources: []Source{{Name: "aur", Kind: KindAUR, State: SourceOK, AsOf: 1_700_000_000, ChangedAt: 1_700_000_100, Form: FormArchive}}},
		}),
		"status result, findings": result(8, false, &StatusResult{
			Basis: basis, Counts: Counts{Installed: count(924), Foreign: count(40), AURFindings: &FindingCounts{Look: 2, Note: 7}}, PartialCounts: []string{"aur_findings"},
		}),
		"info result, findings": result(300, false, &InfoResult{Basis: Basis{Generation: 6}, Packages: []Package{{
			Repo: "aur", Name: "yay", Version: "12.0-1", AUR: &AUR{Votes: 1, Maintainer: "eva"}, InstalledVersion: "11.0-1", AURFindings: mark,
		}}}),
		"outdated result, sizes": result(11, false, &OutdatedResult{Basis: basis, Updates: []Update{{
			Name: "bash", Installed: "5.2-1", Version: "5.2-2", Repo: "core", Fixes: []string{"AVG-1"}, Severity: "High", DownloadSize: &download, SizeChange: &change, BuiltAt: 1_700_000_000,
		}}}),
		"outdated result, findings": result(11, false, &OutdatedResult{Basis: basis, Foreign: []ForeignPackage{
			{Name: "yay", Installed: "11.0-1", AURVersion: "12.0-1", State: ForeignUpdate, AURFindings: mark},
		}}),
		"installed": request(9, OpInstalled, &InstalledRequest{Names: []string{"a"}, Words: []string{"b"}, Regex: true, Filter: FilterOrphans, Details: true}),
		"installed result": result(9, false, &InstalledResult{Basis: Basis{Generation: 9, ConfirmedAt: 1_790_000_000, Stale: true, Why: "open local: permission denied"}, Packages: []InstalledPackage{{
			Package: full, Reason: "dependency", InstallDate: 1_700_000_300, InstalledFromRepo: "extra", HasScript: true,
			RequiredBy: []string{"x"}, OptionalFor: []string{"y"}, InstalledOptDepends: []string{"libnotify"},
		}}, Missing: []string{"a"}}),
		"explicit_list":        request(10, OpExplicit, nil),
		"explicit_list result": result(10, false, &ExplicitResult{Basis: Basis{Generation: 9, ConfirmedAt: 1_790_000_000, Partial: true, Why: "local/x-1-1 has an empty desc"}, Names: []string{"base", "firefox"}}),
		"outdated":             request(11, OpOutdated, nil),
		"outdated result": result(11, false, &OutdatedResult{
			Basis:          remembered,
			Updates:        []Update{{Name: "firefox", Installed: "119.0-1", Version: "120.0-1", Repo: "extra", Ignored: true, Fixes: []string{"AVG-1"}}},
			InstalledNewer: []Update{{Name: "linux", Installed: "7.0-1", Version: "6.9-1", Repo: "core"}},
			Replacements:   []Replacement{{ReplacedName: "old", Installed: "1-1", By: "new", Version: "2-1", Repo: "extra", Ignored: true}},
			Foreign: []ForeignPackage{
				{Name: "yay-bin", Installed: "11.0-1", AURVersion: "11.3.0-1", State: ForeignUpdate, Ignored: true, OutOfDate: 1_700_000_000, Orphan: true},
				{Name: "own-tool", Installed: "1-1", State: ForeignUnknown},
			},
		}),
		"refresh": request(12, OpRefresh, nil),
		"outdated result, next request": result(11, false, &OutdatedResult{Basis: Basis{Generation: 9, ConfirmedAt: 1_700_000_200, Sources: []Source{
			{Name: "aur", Kind: KindAUR, State: SourceMissing, Why: "refused", NextRequestAt: 1_700_090_000},
		}}}),
		"watch":                 request(121, OpWatch, nil),
		"watch result, a chunk": result(121, true, &StatusResult{Basis: basis, Counts: counts}),
		"watch result, the end": AppendError(nil, 121, &Error{Code: CodeShuttingDown, Message: "omgd is shutting down", ServedPaths: &served}),
		"refresh_sources":       request(120, OpRefreshSources, nil),
		"refresh_sources result": result(120, false, &RefreshSourcesResult{Sources: []SourceRefresh{
			{Name: "aur", State: RefreshRecent, Why: "refused", LastRequestAt: 1_700_000_000, AllowedAt: 1_700_003_600, NextRequestAt: 1_700_090_000},
			{Name: "tracker", State: RefreshDone, LastRequestAt: 1_700_000_300},
		}}),
		"refresh result":     result(12, false, &RefreshResult{Refreshed: true, Generation: 9, At: 1_700_000_200, Why: "no local database"}),
		"cache_clear":        request(13, OpCacheClear, nil),
		"cache_clear result": result(13, false, &CacheClearResult{ClearedCount: 3}),
		"log_level":          request(14, OpLogLevel, &LogLevelRequest{Level: "debug"}),
		"log_level result":   result(14, false, &LogLevelResult{Level: "debug"}),
		"security":           request(15, OpSecurity, &SecurityRequest{Packages: []string{"firefox", "none"}}),
		"security result": result(15, false, &SecurityResult{
			Basis:   Basis{Generation: 9, ConfirmedAt: 1_700_000_200, Sources: []Source{{Name: "tracker", Kind: KindTracker, State: SourceOK, ChangedAt: 1_700_000_000}, source}},
			Missing: []string{"none"}, Skipped: 1,
			Packages: []VulnerablePackage{{
				Name: "firefox", Installed: "119.0-1", Update: "120.0-1", Foreign: true, Severity: "High", Verdict: "fixable",
				Advisories: []Advisory{{
					Name: "AVG-1", Severity: "High", Verdict: "fixable", Counted: true, Status: "Fixed", Type: "multiple issues",
					AffectedVersion: "119.0-1", FixedVersion: "120.0-1", Issues: []string{"CVE-2023-1"}, Ticket: "74225", AnnouncementIDs: []string{"ASA-202301-1"},
				}},
			}},
		}),
		"news": request(304, OpNews, nil),
		"news result": result(304, false, &NewsResult{
			Sources: []Source{{Name: "news", Kind: KindNews, State: SourceOK, ChangedAt: 1_700_000_100, NextRequestAt: 1_700_021_700}}, UpgradedAt: 1_690_000_000,
			Items: []NewsItem{{NewsHeadline: headline, Text: "First run\n\n    # pacman -Rdd linux-firmware"}},
		}),
		"files_owner":              request(305, OpFilesOwner, &FilesOwnerRequest{Names: []string{"/usr/bin/rg", "rg"}}),
		"files_owner, expressions": request(305, OpFilesOwner, &FilesOwnerRequest{Names: []string{"^rg$"}, Regex: true}),
		"files_owner result, chunk 1": result(305, true, &FilesOwnerResult{
			Basis: Basis{Generation: 6, Sources: []Source{fileList}}, Owners: []FileOwner{{Query: "rg", RepositoryPackage: ripgrep, Paths: []string{"usr/bin/rg", "usr/share/bash-completion/completions/rg"}}},
		}),
		"files_owner result, the end": result(305, false, &struct {
			Missing []string    `msgpack:"missing"`
			Owners  []FileOwner `msgpack:"owners"`
		}{[]string{"/usr/bin/none"}, []FileOwner{}}),
		"files_list": request(306, OpFilesList, &FilesListRequest{Names: []string{"extra/ripgrep", "none"}}),
		"files_list result": result(306, false, &FilesListResult{
			Basis: Basis{Generation: 6, Sources: []Source{fileList}}, Missing: []string{"none"},
			Packages: []RepositoryFiles{{RepositoryPackage: ripgrep, Paths: []string{"usr/", "usr/bin/", "usr/bin/rg"}}},
		}),
		"command": request(307, OpCommand, &CommandRequest{Names: []string{"rg", "ripgrp"}, Exact: true}),
		"command result": result(307, false, &CommandResult{
			Basis:    Basis{Generation: 6, Partial: true, Sources: []Source{fileList, {Name: "core", Kind: KindFiles, State: SourceMissing, Why: "no list of files"}}},
			Commands: []CommandOwner{{Command: "rg", RepositoryPackage: ripgrep, Path: "usr/bin/rg"}},
			Missing:  []MissingCommand{{Name: "rgg", Similar: []CommandOwner{{Command: "rg", RepositoryPackage: ripgrep, Path: "usr/bin/rg"}}}},
		}),
		"status result, news": result(8, false, &StatusResult{Basis: basis, News: &NewsSinceUpgrade{UpgradedAt: 1_690_000_000, Items: []NewsHeadline{headline}}}),
		"status result, pulled": result(8, false, &StatusResult{Basis: basis, Pulled: &PulledStatus{
			Publisher: "RWkey", Sequence: 1_690_000_000, Created: 1_690_000_000, Expires: 1_690_172_800, Mirror: "https://example.org/omg", ConfirmedAt: 1_690_000_100,
			NextRequestAt: 1_690_003_700, Bytes: 190_000, Patches: 5, Whole: 2,
		}}),
		"outdated result, news":      result(11, false, &OutdatedResult{Basis: basis, News: &NewsSinceUpgrade{Items: []NewsHeadline{headline}}}),
		"runtimes":                   request(16, OpRuntimes, nil),
		"runtimes result":            result(16, false, &RuntimesResult{Generation: 9, Runtimes: []Runtime{{Runtime: "go", Version: "1.30", Missing: true}}}),
		"metrics":                    request(17, OpMetrics, nil),
		"metrics result":             result(17, false, &MetricsResult{Text: "omg_connections 1\n"}),
		"health":                     request(18, OpHealth, nil),
		"health result":              result(18, false, &HealthResult{State: "degraded", Components: []Component{{Name: "libalpm", State: "degraded", Why: "differs", Version: "16.0.0", Since: 1_700_000_000}}}),
		"history":                    request(19, OpHistory, &HistoryRequest{Limit: 2}),
		"history result":             result(19, false, &HistoryResult{Entries: []CountsHistoryEntry{{At: 1_700_000_000, Counts: Counts{Installed: count(924)}}, {At: 1_700_000_200, Counts: counts}}}),
		"error 1":                    AppendError(nil, 4, Errorf(CodeNotFound, "package not found: x")),
		"error 2":                    AppendError(nil, 4, Errorf(CodeInvalid, "no operation \"x\"")),
		"error 5 for the connection": AppendError(nil, 0, Errorf(CodeBusy, "too many connections (4096)")),
		"error 9 with served":        AppendError(nil, 8, &Error{Code: CodeNotReady, Message: "nothing is read yet", ServedPaths: &served}),
		"error 10":                   AppendError(nil, 1<<32, Errorf(CodeVersion, "protocol 9 is not spoken here")),
		"unknown keys, integers of other widths": frame(
			0xde, 0, 4, 0xa2, 'i', 'd', 0xd3, 0, 0, 0, 0, 0, 0, 0, 9, 0xd9, 2, 'o', 'p', 0xda, 0, 4, 'p', 'i', 'n', 'g',
			0xa3, 'n', 'e', 'w', 0xdc, 0, 2, 0xc0, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xa1, 'b', 0xc4, 1, 0xff,
		),
		"16 lists within each other": frame(append(bytes.Repeat([]byte{0x91}, MaxNestingDepth), 0xc0)...),
	}
}

// bad returns named frames that must be refused. The key of the map is the frame's name, and the vector has the reason.
func bad() map[string]vector {
	of := func(b []byte, why string) vector { return vector{Frame: hex.EncodeToString(b), Why: why} }
	return map[string]vector{
		"length 0":                       of([]byte{0, 0, 0, 0}, "length"),
		"length 64 MiB and 1":            of([]byte{4, 0, 0, 1}, "length"),
		"length 4 GiB":                   of([]byte{0xff, 0xff, 0xff, 0xff, 1}, "length"),
		"body shorter than its length":   of([]byte{0, 0, 0, 9, 0x81}, "length"),
		"HTTP":                           of([]byte("GET / HTTP/1.1\r\n\r\n"), "length"),
		"17 lists within each other":     of(frame(append(bytes.Repeat([]byte{0x91}, MaxNestingDepth+1), 0xc0)...), "depth"),
		"17 maps within each other":      of(frame(append(bytes.Repeat([]byte{0x81, 0xa1, 'k'}, MaxNestingDepth+1), 0xc0)...), "depth"),
		"text longer than the body":      of(frame(0xa5, 'a'), "end"),
		"text of 4 billion bytes":        of(frame(0xdb, 0xff, 0xff, 0xff, 0xff, 'a'), "end"),
		"raw bytes longer than the body": of(frame(0xc5, 0xff, 0xff, 1), "end"),
		"list of 4 billion values":       of(frame(0xdd, 0xff, 0xff, 0xff, 0xff, 1), "end"),
		"map of 4 billion pairs":         of(frame(0xdf, 0xff, 0xff, 0xff, 0xff, 1, 1), "end"),
		"truncated map":                  of(frame(0x81, 0xa1, 'k'), "end"),
		"truncated length of a text":     of(frame(0xda, 0), "end"),
		"truncated number":               of(frame(0xcf, 1, 2), "end"),
		"two values":                     of(frame(0x80, 0x80), "more"),
		"an extension":                   of(frame(0xd4, 1, 1), "type"),
		"an extension of length 1":       of(frame(0xc7, 1, 1, 1), "type"),
		"type byte 0xc1":                 of(frame(0xc1), "type"),
	}
}

func readVectors(t *testing.T) map[string]vector {
	t.Helper()
	data, err := os.ReadFile(vectorFile)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var list []vector
	require.NoError(t, d.Decode(&list))
	all := make(map[string]vector, len(list))
	for _, v := range list {
		all[v.Name] = v
	}
	require.Len(t, all, len(list), "a name twice")
	return all
}

// TestVectors checks that the frames of this program and their decoded values equal those in vectors.json: how a published
// frame is encoded and decoded must never change.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	vectors := readVectors(t)
	require.Equal(t, len(good())+len(bad()), len(vectors))
	for name, b := range good() {
		v := vectors[name]
		require.Equal(t, v.Frame, hex.EncodeToString(b), name)
		body, err := ReadFrame(bytes.NewReader(b), nil, MaxFrameSize)
		require.NoError(t, err, name)
		require.NoError(t, CheckMessagePack(body), name)
		want, err := json.Marshal(v.Value)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(asJSON(t, body)), name)
	}
	for name, want := range bad() {
		v := vectors[name]
		require.Equal(t, want.Frame, v.Frame, name)
		require.Equal(t, want.Why, v.Why, name)
		b, err := hex.DecodeString(v.Frame)
		require.NoError(t, err)
		body, err := ReadFrame(bytes.NewReader(b), nil, MaxFrameSize)
		if v.Why == "length" {
			require.Error(t, err, name)
			continue
		}
		require.NoError(t, err, name)
		require.ErrorIs(t, CheckMessagePack(body), ErrMalformed, name)
	}
}

// asJSON returns a frame's body as JSON. A value of raw bytes becomes an array of numbers.
func asJSON(t *testing.T, body []byte) []byte {
	t.Helper()
	var v any
	require.NoError(t, msgpack.Unmarshal(body, &v))
	var jsonValue func(v any) any
	jsonValue = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = jsonValue(v[k])
			}
		case []any:
			for i := range v {
				v[i] = jsonValue(v[i])
			}
		case []byte:
			numbers := make([]int, len(v))
			for i, b := range v {
				numbers[i] = int(b)
			}
			return numbers
		}
		return v
	}
	b, err := json.Marshal(jsonValue(v))
	require.NoError(t, err)
	return b
}

func writeVectors(t *testing.T) {
	t.Helper()
	var list []vector
	for name, b := range good() {
		list = append(list, vector{Name: name, Frame: hex.EncodeToString(b), Value: json.RawMessage(asJSON(t, b[FrameHeaderSize:]))})
	}
	for name, v := range bad() {
		v.Name = name
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	for i, v := range list {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		out.Write(b)
	}
	out.WriteString("\n]\n")
	require.NoError(t, os.WriteFile(vectorFile, out.Bytes(), 0o644))
}

// TestVectors_InPython checks that a Python program, which follows only PROTOCOL.md, accepts, refuses and decodes the
// vectors as this package does.
func TestVectors_InPython(t *testing.T) {
	python := need.Python(t, "msgpack")
	out, err := exec.Command(python, "testdata/vectors.py", vectorFile).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, strconv.Itoa(len(readVectors(t)))+" vectors\n", string(out))
}

// TestProtocol_IsDescribed checks that PROTOCOL.md has a section for each operation and mentions every key, and that the
// vectors have a request and a result of each operation.
func TestProtocol_IsDescribed(t *testing.T) {
	page, err := os.ReadFile("PROTOCOL.md")
	require.NoError(t, err)
	vectors := readVectors(t)
	ops := constants(t, "operations.go", "Op")
	require.Contains(t, ops, OpSearch)
	for _, op := range ops {
		require.Regexp(t, `(?m)^### (.*, )?`+op+`(, .*)?$`, headings(string(page)))
		require.True(t, vectors[op].Frame != "", "a request %s in the vectors", op)
		require.True(t, hasPrefix(vectors, op+" result"), "a result of %s in the vectors", op)
	}
	for place, key := range keys(t) {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("PROTOCOL.md does not mention the key `%s` of %s", key, place)
		}
	}
	for _, c := range []struct{ file, prefix string }{
		{"operations.go", "Sort"}, {"operations.go", "Source"}, {"operations.go", "Kind"}, {"status.go", "Filter"}, {"foreign.go", "Foreign"}, {"health.go", "Health"},
	} {
		for _, value := range constants(t, c.file, c.prefix) {
			require.Contains(t, string(page), "`"+value+"`", "%s…", c.prefix)
		}
	}
	require.Contains(t, string(page), fmt.Sprintf("it is now %d", ProtocolVersion))
}

// keys returns the msgpack key of each field of each struct in this package. The map's keys are Type.Field.
func keys(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	all := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range fields.Fields.List {
				if field.Tag == nil {
					continue
				}
				tag, err := strconv.Unquote(field.Tag.Value)
				require.NoError(t, err)
				if key, _, _ := strings.Cut(reflect.StructTag(tag).Get("msgpack"), ","); key != "" && key != "-" {
					all[spec.Name.Name+"."+field.Names[0].Name] = key
				}
			}
			return true
		})
	}
	require.Equal(t, "partial_counts", all["StatusResult.PartialCounts"])
	require.Equal(t, "generation", all["Basis.Generation"])
	return all
}

// headings returns the heading lines of a page.
func headings(page string) string {
	var all []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

func hasPrefix(vectors map[string]vector, prefix string) bool {
	for name := range vectors {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// constants parses a Go file and returns the values of those string constants whose names begin with prefix.
func constants(t *testing.T, file, prefix string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			s, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			values = append(values, s)
		}
		return true
	})
	require.NotEmpty(t, values)
	return values
}
