package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

func TestSystemCheck(t *testing.T) {
	f := fake{system: &backend.SystemCheck{PackageCount: 2, FileCount: 9, Cache: &backend.PackageCache{FileCount: 1, Size: 2048}}}
	code, out, _, after := f.runBackend(t, "check")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "Checked 9 files of 2 packages: no problem found\nPackage cache: 2.0 KiB in 1 package\n", out)
	require.Equal(t, backend.SystemCheckRequest{Names: []string{}}, *after.systemRequest)

	f.system.UnreadableCount, f.system.UncheckedCount = 3, 1
	f.system.Cache = &backend.PackageCache{FileCount: 2, Size: 4096, OldCount: 1, OldSize: 1024, Problems: []string{"open /c: permission denied"}}
	f.system.Problems = []backend.SystemProblem{
		{Kind: backend.ProblemAlteredFile, Package: "b", Path: "/x\x1b[31m", Details: []string{"Size mismatch", "GID mismatch"}},
		{Kind: backend.ProblemMissingFile, Package: "b", Path: "/y"},
		{Kind: backend.ProblemMissingDependency, Package: "-Rdd", Details: []string{"c>=2"}},
		{Kind: backend.ProblemReboot, Details: []string{"the modules are gone"}},
	}
	code, out, _, after = f.runBackend(t, "check", "--contents", "--rebuild", "b")
	require.Equal(t, exit.Degraded, code)
	require.Equal(t, `Reboot needed: 1
  the modules are gone

Dependencies that are not installed: 1
  -Rdd: c>=2

Missing files: 1
  b: /y

Altered files: 1
  b: /x`+"\ufffd"+`[31m (Size mismatch, GID mismatch)

Checked 9 files of 2 packages; 3 files could not be read without root; 1 package without an mtree file not checked
Package cache: 4.0 KiB in 2 packages, 1.0 KiB of them in 1 version that is not installed; not read: open /c: permission denied
`, out)
	require.Equal(t, backend.SystemCheckRequest{Names: []string{"b"}, Contents: true, Rebuild: true}, *after.systemRequest)
	_, out, stderr := f.run(t, "check", "-q")
	require.Equal(t, "b\n", out)
	require.Contains(t, stderr, "left out 1 package")
	_, out, _ = f.run(t, "check", "--format", "{{.kind}} {{.package}} {{.path}}")
	require.Contains(t, out, "missing-file b /y\nmissing-dependency -Rdd \nreboot  \n")
	_, out, _ = f.run(t, "check", "--json")
	require.Contains(t, out, `"packages":2,"files":9,"unreadable":3,"unchecked":1,"problems":[{"kind":"altered-file","package":"b",`)
	code, out, _ = f.run(t, "--strict", "check")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	f.system.Problems, f.system.UnreadableCount, f.system.Partial = nil, 0, true
	code, _, _ = f.run(t, "check")
	require.Equal(t, exit.Failed, code)
}
