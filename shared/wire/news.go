package wire

// Limits of an item of Arch's news. omgd shortens a longer title or text, and omits a longer address.
const (
	MaxNewsItems = 30
	// The following limits are in bytes.
	MaxNewsID    = 200
	MaxNewsTitle = 200
	MaxNewsURL   = 500
	MaxNewsText  = 20 << 10
)

// NewsHeadline is an item of Arch's news without its text.
type NewsHeadline struct {
	// ID identifies the item: it stays the same if the title or the text is corrected.
	ID    string `msgpack:"id" json:"id"`
	Title string `msgpack:"title" json:"title"`
	// URL is the http or https address of the item's page; empty if the feed has none.
	URL string `msgpack:"url,omitempty" json:"url,omitempty"`
	// PublishedAt is when the item was published, in Unix seconds. If the feed has no time, or one in the future, it is when omgd first
	// saw the item.
	PublishedAt int64 `msgpack:"published" json:"published"`
}

// NewsItem is an item of Arch's news.
type NewsItem struct {
	NewsHeadline `msgpack:",inline"`
	// Text is plain text, in lines that are not wrapped. An address in it follows the text of its link, in angle brackets.
	Text string `msgpack:"text,omitempty" json:"text,omitempty"`
}

// NewsResult is the reply to OpNews, whose request has no fields. A long reply is sent in chunks, and the client joins the lists
// Items.
type NewsResult struct {
	// Sources has one element, the news.
	Sources []Source `msgpack:"sources" json:"sources"`
	// UpgradedAt is when the last full upgrade began, according to pacman's log, in Unix seconds. Without a full upgrade in the log, it is
	// the time of the log's first entry; 0 if this is unknown too.
	UpgradedAt int64 `msgpack:"upgraded,omitempty" json:"upgraded,omitempty"`
	// Items lists the items, the newest first.
	Items []NewsItem `msgpack:"items" json:"items"`
}

// NewsSinceUpgrade has the items of Arch's news that are newer than the last full upgrade. Which of them a user has read is not known
// to omgd.
type NewsSinceUpgrade struct {
	// UpgradedAt is as in NewsResult.
	UpgradedAt int64 `msgpack:"upgraded,omitempty" json:"upgraded,omitempty"`
	// Items lists the items, the newest first.
	Items []NewsHeadline `msgpack:"items,omitempty" json:"items"`
}
