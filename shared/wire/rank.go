package wire

// SearchRank says where a package stands among the results of a search. Results are sorted by Place in the order of the constants below,
// then packages of repositories come before those of the AUR, and then by the sum of Closeness and Prominence, the largest first.
type SearchRank struct {
	Place string `msgpack:"place" json:"place"`
	// Closeness says how closely the words match there.
	Closeness uint8 `msgpack:"closeness" json:"closeness"`
	// Prominence says how much the package is used, as far as the databases show that. It does not depend on the search.
	Prominence uint8 `msgpack:"prominence" json:"prominence"`
	// Share is the share of machines that have the package, in percent, if the index was built with the shares of pkgstats. It is unknown for
	// other packages, and for those of the AUR. SharePoints is the part of the prominence that comes from it.
	Share       *float64 `msgpack:"share,omitempty" json:"share,omitempty"`
	SharePoints *uint8   `msgpack:"share_points,omitempty" json:"share_points,omitempty"`
}

// The places of a match, the best first.
const (
	PlaceName       = "name"           // the word is the name
	PlaceProvides   = "provides"       // the word is a name that a package of a repository provides
	PlaceNamePrefix = "name-prefix"    // the name begins with the word
	PlaceNameWord   = "name-word"      // a part of the name begins with the word
	PlaceKind       = "kind"           // the description says that the package is such a thing; PlaceNameWord and PlaceKind are equal
	PlaceInName     = "in-name"        // the word is inside the name
	PlaceGroup      = "in-group"       // the word is in a group, or in a name that is provided
	PlaceDesc       = "in-description" // the word is in the description, or in a field that results do not show
)
