package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

func TestSize(t *testing.T) {
	f := fake{size: &backend.SizeResult{TotalSize: 6000, PackageCount: 3, Packages: []backend.PackageSize{
		{Name: "a", Reason: "explicit", Groups: []string{"g", "g"}, Size: 1000, RemovedSize: 5000, OnlyNeeded: []string{"b"}},
		{Name: "b", Reason: "dependency", Groups: []string{"g", "h"}, Size: 4000, RemovedSize: 4000, RequiredBy: 1},
		{Name: "-Rdd", Reason: "explicit", Size: 1000, RemovedSize: 1000},
	}}}
	const a, b, c = "   1.0 KiB    4.9 KiB  a and 1 package that only it needs\n", "   3.9 KiB    3.9 KiB  b\n", "   1.0 KiB    1.0 KiB  -Rdd\n"
	for line, want := range map[string]string{
		"": a + b + c, "--by size": b + c + a, "--by name": c + a + b, "-q": "a\nb\n", "-e -q --by name": "a\n", "--limit 1": a,
		"--groups": "   4.9 KiB  g (2 packages)\n   3.9 KiB  h (1 package)\n", "--groups --by name -q": "g\nh\n", "--groups --limit 1 --format {{.name}}-{{.size}}-{{.count}}": "g-5000-2\n",
		"a b": a + "                       b\n" + strings.TrimSuffix(b, "\n") + " [required by 1 package]\n" + c,
	} {
		code, out, stderr := f.run(t, append([]string{"size"}, strings.Fields(line)...)...)
		require.Equal(t, exit.OK, code, stderr)
		require.Equal(t, want, out, line)
	}
	_, out, _ := f.run(t, "size", "--json", "--limit", "1")
	require.Equal(t, `{"schema":1,"total_size":6000,"count":3,"packages":[{"name":"a","version":"","reason":"explicit","groups":["g","g"],"size":1000,`+
		`"only_needed":["b"],"removed_size":5000,"required_by":0}]}`+"\n", out)
	_, out, _ = f.run(t, "size", "--json", "--groups")
	require.Equal(t, `{"schema":1,"groups":[{"name":"g","size":5000,"count":2},{"name":"h","size":4000,"count":1}]}`+"\n", out)

	f.size = &backend.SizeResult{Packages: []backend.PackageSize{}, Missing: []string{"x"}}
	code, _, stderr := f.run(t, "size", "x")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: package \"x\" is not installed\n", stderr)
	for _, line := range []string{"--by x", "--limit -1", "--groups a", "--groups --by removed", "-q --json"} {
		code, _, _ := f.run(t, append([]string{"size"}, strings.Fields(line)...)...)
		require.Equal(t, exit.Usage, code, line)
	}
}
