package service

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestHook_AURCheck checks that the hook for findings reports them after a transaction of the real pacman, says if they are unknown, and
// never fails the transaction.
func TestHook_AURCheck(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pacman", "bsdtar"} {
		need.Program(t, name)
	}
	read := func(name string) string {
		text := harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "packaging/helpers", name))
		return strings.NewReplacer("@BINDIR@", "/mnt", "@SHAREDIR@", "/tmp/share").Replace(string(text))
	}
	r := machine(newSystem(t), `
mkdir -p /tmp/hooks /tmp/share /tmp/cache /tmp/db/local /tmp/home
cat >/tmp/share/omg-aur-check.hook <<'END'
`+read("omg-aur-check.hook.in")+`END
cat >/tmp/share/after-transaction <<'END'
`+read("after-transaction.in")+`END
printf '9\n' >/tmp/db/local/ALPM_DB_VERSION; cp -r /media/db/sync /tmp/db/sync; rm -f /tmp/db/sync/*.files
printf '[options]\nArchitecture = x86_64\nDBPath = /tmp/db\nLogFile = /tmp/log\nCacheDir = /tmp/cache\nHookDir = /tmp/hooks\nSigLevel = Never\nLocalFileSigLevel = Never\n[core]\n[extra]\n[multilib]\n' >/etc/pacman.conf
export HOME=/tmp/home
package() {
	printf 'pkgname = hooked\npkgbase = hooked\npkgver = %s\npkgdesc = x\nsize = 0\narch = any\n' $1 >.PKGINFO
	bsdtar -czf /tmp/hooked.pkg.tar.gz .PKGINFO
	pacman -U --noconfirm /tmp/hooked.pkg.tar.gz || echo "pacman: $?"
}
cd /tmp
package 1-0
echo 'not switched on'
ln -s /tmp/share/omg-aur-check.hook /tmp/hooks/
package 1-1
echo 'without data'
echo '[{"Name":"hooked","PackageBase":"hooked","Version":"1-1","Maintainer":null,"OutOfDate":1700000000,"LastModified":1600000000}]' >dump.json
mkdir -p /tmp/home/.local/share/omg/index
/mnt/omg-index journal --to /tmp/home/.local/share/omg/index/aur.omgjournal dump.json
/mnt/omg-index build --aur dump.json --data-dir /tmp/home/.local/share/omg >/dev/null
package 1-2
echo 'with data'
rm /tmp/share/after-transaction
package 1-3
`)
	require.Zero(t, r.Code, r.Stderr)
	before, rest, _ := strings.Cut(r.Stdout, "not switched on\n")
	without, rest, _ := strings.Cut(rest, "without data\n")
	with, removed, _ := strings.Cut(rest, "with data\n")
	require.NotContains(t, before, "omg:")
	require.Contains(t, without, "omg: not all findings about packages of the AUR are known: see omg aur check\n", r.Stderr)
	require.Contains(t, with, "omg: hooked note: orphaned out-of-date\nomg: see omg aur check\n", r.Stderr)
	require.NotContains(t, removed, "omg:")
	require.NotContains(t, r.Stdout, "pacman:")
	require.NotContains(t, r.Stderr, "error", r.Stdout)
}
