package network

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// newsFeed is a stand-in for the feed of Arch's news.
type newsFeed struct {
	body        atomic.Pointer[string]
	notModified atomic.Int32 // the number of replies 304
}

func (f *newsFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := *f.body.Load()
	etag := fmt.Sprintf("%q", fmt.Sprint(len(body)))
	if r.Header.Get("If-None-Match") == etag {
		f.notModified.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("ETag", etag)
	_, _ = io.WriteString(w, body)
}

// publish makes the feed have items with these titles, the last one an hour old.
func (f *newsFeed) publish(titles ...string) {
	text := `<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Arch Linux: Recent news updates</title>`
	for i, title := range titles {
		at := time.Now().Add(-time.Duration(len(titles)-i) * time.Hour).UTC().Format(time.RFC1123Z)
		text += `<item><title>` + title + `</title><link>https://archlinux.org/news/` + title + `/</link><description>&lt;p&gt;About ` + title +
			`&lt;/p&gt;</description><pubDate>` + at + `</pubDate><guid>tag:archlinux.org:/news/` + title + `/</guid></item>`
	}
	text += `</channel></rss>`
	f.body.Store(&text)
}

// TestNews checks that omgd downloads the news over TLS, confirms them after a restart with a conditional request, keeps them when the
// server misbehaves, and that omg never waits for the server.
func TestNews(t *testing.T) {
	t.Parallel()
	feed, certs := &newsFeed{}, fakeserver.NewCertificates(t)
	feed.publish("first", "second")
	server := fakeserver.Serve(t, feed, certs)
	s := harness.New(t, harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_NEWS_ENABLED=true", "OMG_NEWS_URL="+server.URL+"/feeds/news/", "OMG_NETWORK_PROXY=none"))
	harness.WriteFile(t, s.PacmanConf, "[options]\nDBPath = "+s.DB+"\nLogFile = "+s.Path("pacman.log")+"\n[core]\n")
	harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("bash", "1-1")))
	s.Install("bash", "1-1")
	start := func() *harness.Daemon {
		omgd := s.StartDaemon()
		omgd.AwaitStatus(func(r *wire.StatusResult) bool { return r.News != nil }, "the news")
		return omgd
	}
	titles := func(omgd *harness.Daemon) string { return omgd.Omg("news", "--all", "-q").Stdout }

	omgd := start()
	require.Equal(t, "second\nfirst\n", titles(omgd))
	require.Contains(t, omgd.Omg("news", "second").Stdout, "\n\nAbout second\n")
	// While the first request has not ended, a demand joins it.
	omgd.AwaitOutput(`(?m)^news: no new request: the last request was .*, and the next one is possible in [0-9]+ minutes?$`, "refresh", "--sources")
	require.Equal(t, []string{"/feeds/news/"}, server.RequestTargets())
	omgd.Stop()

	// omg-direct reads the same file. A restarted omgd sends no request, because the news are new.
	server.RefuseConnections()
	direct := s.Run("omg", append([]string{"--no-daemon"}, append(s.PathFlags(), "news", "-q")...)...)
	require.Equal(t, "second\nfirst\n", direct.Stdout, direct.Stderr)
	omgd = start()
	require.Equal(t, "second\nfirst\n", titles(omgd))
	omgd.Stop()
	require.Len(t, server.RequestTargets(), 1)

	// With a short interval, a request can be demanded soon after the last one.
	server.AcceptConnections(t)
	s = s.WithEnv("OMG_NEWS_INTERVAL=1m")
	omgd = start()
	omgd.AwaitOutput("news: up to date", "refresh", "--sources")
	require.Positive(t, feed.notModified.Load(), "the feed has not changed")
	feed.publish("first", "second", "third")
	harness.Await(t, func() bool { _ = omgd.Omg("refresh", "--sources"); return titles(omgd) == "third\nsecond\nfirst\n" }, "the new item")

	server.SetFault(func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>Log in to this network</body></html>")
	})
	omgd.AwaitOutput("news: failed: ", "refresh", "--sources")
	require.Equal(t, "third\nsecond\nfirst\n", titles(omgd), "the last good reply stays")
	omgd.AwaitOutput("the server of Arch's news sent no valid feed", "status")
}
