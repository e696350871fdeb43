package dirwatch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/await"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// document returns the document of a host.
func document(host, version string) string {
	return fmt.Sprintf(`{"schema":1,"host":%q,"at":%d,"packages":[{"name":"xz","version":%q}]}`, host, time.Now().Unix(), version)
}

// states returns "host state" for each host.
func states(f *resident.Fleet) (all []string) {
	answers, _ := f.Ask(question.Hosts(), nil, time.Hour, time.Now())
	for _, a := range answers {
		all = append(all, a.Host+" "+string(a.State))
	}
	return all
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	roster := filepath.Join(t.TempDir(), "roster")
	write(t, roster, "a\nb\n")
	write(t, filepath.Join(dir, "a.json"), document("a", "1-1"))
	write(t, filepath.Join(dir, "c.json"), "{")
	f := resident.New()
	w := New(f, dir, roster)
	ctx := context.Background()
	require.NoError(t, w.Read(ctx))
	require.Equal(t, []string{"a answered", "c unreadable", "b missing"}, states(f))

	answers, _ := f.Ask(question.Hosts(), nil, time.Hour, time.Now())
	info, err := os.Stat(filepath.Join(dir, "a.json"))
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(answers[0].Contact), "a host was last heard when its file was written")

	write(t, filepath.Join(dir, "a.json"), document("a", "1-2"))
	write(t, filepath.Join(dir, "c.json"), document("c", "1-1"))
	write(t, filepath.Join(dir, "b.json"), document("b", "1-1"))
	require.NoError(t, w.Read(ctx))
	require.Equal(t, []string{"a answered", "b answered", "c answered"}, states(f))
	require.Equal(t, []resident.Package{{Name: "xz", Hosts: 3, Versions: 2}}, f.FindPackages("xz"))

	require.NoError(t, os.Remove(filepath.Join(dir, "a.json")))
	require.NoError(t, os.Rename(filepath.Join(dir, "b.json"), filepath.Join(dir, "b.json.zst")))
	require.NoError(t, w.Read(ctx))
	require.Equal(t, []string{"b unreadable", "c answered", "a missing"}, states(f))

	// A roster or a directory that cannot be read changes nothing.
	write(t, roster, "")
	require.ErrorContains(t, w.Read(ctx), "has no hosts")
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorContains(t, w.Read(ctx), "cannot list the inventories")
	require.Equal(t, []string{"b unreadable", "c answered", "a missing"}, states(f))

	// A reading that was interrupted is done again.
	require.NoError(t, os.Mkdir(dir, 0o755))
	write(t, roster, "a\n")
	write(t, filepath.Join(dir, "a.json"), document("a", "1-1"))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, w.Read(ended), context.Canceled)
	require.NoError(t, w.Read(ctx))
	require.Equal(t, []string{"a answered"}, states(f))
}

// TestRun checks that changes of files arrive, and that a directory that is gone is a problem until it is back.
func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inventories")
	f := resident.New()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		New(f, dir, "").Run(ctx)
	}()
	await.Condition(t, func() bool { return f.Problem() != "" }, "the missing directory is no problem")
	require.NoError(t, os.Mkdir(dir, 0o755))
	write(t, filepath.Join(dir, "a.json"), document("a", "1-1"))
	await.Condition(t, func() bool { return f.Problem() == "" && len(states(f)) == 1 }, "the new file is not read")
	cancel()
	<-ended
}
