package wire

// MaxAURInfoNames is the maximum number of names in an AURInfoRequest. omgd sends at most one request to the AUR for them.
const MaxAURInfoNames = 150

// AURInfoRequest asks for what the AUR's server has about packages now, also if omgd has the AUR's data.
type AURInfoRequest struct {
	Names []string `msgpack:"names" json:"names"`
}

// AURInfoResult is the reply to an AURInfoRequest, in chunks like a SearchResult. Sources has one element, the AUR. If its state is
// SourceOK, AsOf is the time of the AUR's reply, which may be a few minutes ago, and a name that is neither in Packages nor in NotAsked is
// not in the AUR. In any other state, the AUR has not replied, and Packages is empty.
type AURInfoResult struct {
	Sources  []Source  `msgpack:"sources" json:"sources"`
	Packages []Package `msgpack:"packages" json:"packages"`
	// NotAsked lists the names about which omgd did not ask the AUR, because its data of the AUR does not contain them. They could be names of
	// private packages.
	NotAsked []string `msgpack:"not_asked,omitempty" json:"not_asked,omitempty"`
}
