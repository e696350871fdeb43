package fleetweb

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
)

var write = flag.Bool("write", false, "write the pictures of the guide")

// maxPicture limits the size of a picture, in bytes.
const maxPicture = 200 << 10

// guidePictures are the pictures of docs/fleet-web.md, by the names of their files.
var guidePictures = map[string]struct {
	path          string
	width, height int64
	scheme        string
}{
	"fleet-hosts":   {"/", 1100, 900, "light"},
	"fleet-package": {"/package?name=xz", 1100, 800, "light"},
	"fleet-narrow":  {"/", 320, 800, "dark"},
}

// TestPictures_Guide checks that the pictures of the guide are there and not too large. They are not compared, because they depend on the
// fonts of the machine. `make pictures` takes them.
func TestPictures_Guide(t *testing.T) {
	dir := filepath.Join(need.ProjectRoot(t), "docs", "pictures")
	if *write {
		takePictures(t, dir)
	}
	guide := string(harness.ReadFile(t, filepath.Join(need.ProjectRoot(t), "docs", "fleet-web.md")))
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	require.NoError(t, err)
	require.Len(t, files, len(guidePictures))
	for name, p := range guidePictures {
		content := harness.ReadFile(t, filepath.Join(dir, name+".png"))
		require.LessOrEqual(t, len(content), maxPicture, name)
		size, err := png.DecodeConfig(bytes.NewReader(content))
		require.NoError(t, err, name)
		require.Equal(t, []int{int(p.width), int(p.height)}, []int{size.Width, size.Height}, name)
		require.Contains(t, guide, "(pictures/"+name+".png)")
	}
}

func takePictures(t *testing.T, dir string) {
	t.Helper()
	hosts := map[string]*inventory.Inventory{}
	for i := range 18 {
		hosts[fmt.Sprintf("web%02d", i+1)] = host(uint32(i*7%31), uint32(i%4), []string{"5.8.1-1", "5.8.1-1", "5.8.0-1", "5.6.2-1"}[i%4])
	}
	hosts["web18"].At = time.Now().Add(-4 * 24 * time.Hour).Unix()
	hosts["build1"], hosts["db1"] = host(0, 0, "5.8.1-1"), host(46, 5, "5.6.1-1")
	s, b := newSite(t, hosts, "printer"), newBrowser(t)
	b.login(s)
	for name, p := range guidePictures {
		b.setScheme(p.scheme)
		b.do(chromedp.EmulateViewport(p.width, p.height))
		b.open(s.address + p.path)
		b.await(`document.getElementById("status").innerText === "live"`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		harness.WriteFile(t, filepath.Join(dir, name+".png"), string(picture))
	}
}
