package demo

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/wire"
)

// WriteNews writes news that were downloaded 2 hours before Now into a data directory. Three items are newer than the last full upgrade.
func WriteNews(s *harness.System, dataDir string) {
	writeNews(s, dataDir,
		newsItem("linux-firmware", "linux-firmware >= 20220708.be7798e-1 upgrade requires manual intervention", 20, strings.Join([]string{
			"With 20220708.be7798e-1, the firmware is split into several packages. When you upgrade from an earlier version, you will see these errors:", "",
			"    linux-firmware-nvidia: /usr/lib/firmware/nvidia/ad103 exists in filesystem", "    linux-firmware-nvidia: /usr/lib/firmware/nvidia/ad104 exists in filesystem", "",
			"To upgrade, first remove linux-firmware, then reinstall it as part of the upgrade:", "", "    # pacman -Rdd linux-firmware", "    # pacman -Syu linux-firmware", "",
			"- See the list of packages <https://archlinux.org/packages/?q=linux-firmware>, which has the names of all parts of the firmware with their sizes.",
			"- Nothing else has to be done.",
		}, "\n")),
		newsItem("openssl", "OpenSSL 3 enters the repositories", 75, "Rebuild packages of the AUR that need OpenSSL."),
		newsItem("mirror", "A new mirror", 150, ""),
		newsItem("old", "Old news", 24*90, "Before the last upgrade."),
	)
}

// newsItem returns an item that was published some hours before Now.
func newsItem(id, title string, hours int64, text string) wire.NewsItem {
	return wire.NewsItem{
		NewsHeadline: wire.NewsHeadline{ID: id, Title: title, URL: "https://archlinux.org/news/" + id + "/", PublishedAt: Now.Unix() - 3600*hours}, Text: text,
	}
}

// writeHostileNews writes news with escape sequences. omgd cleans the text of a feed, but omg does not rely on this.
func writeHostileNews(s *harness.System, dataDir string) {
	evil := newsItem("evil", "Upgrade "+Escapes+" now", 20, "Run "+Escapes+"\n\n    code "+Escapes+"\n\n- see <https://evil.example/"+Escapes+"> or <javascript:alert(1)> or <https://good.example/>")
	evil.URL = "https://evil.example/" + Escapes
	wide := newsItem("wide", strings.Repeat("中文 字符 ", 9), 30, strings.Repeat("中文 字符 ", 30))
	writeNews(s, dataDir, evil, wide)
}

func writeNews(s *harness.System, dataDir string, items ...wire.NewsItem) {
	s.T.Helper()
	f := &news.File{URL: "https://archlinux.org/feeds/news/", ConfirmedAt: Now.Unix() - 7200, Items: items}
	require.NoError(s.T, f.Write(news.Path(dataDir)))
}
