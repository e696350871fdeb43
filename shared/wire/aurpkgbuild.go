package wire

// MaxPKGBUILD is the maximum size of a PKGBUILD in bytes. The AUR accepts files of up to 256,000 bytes.
const MaxPKGBUILD = 256 << 10

// AURPKGBUILDRequest asks for the PKGBUILD of a package that the AUR's server has now.
type AURPKGBUILDRequest struct {
	Name string `msgpack:"name"`
}

// AURPKGBUILDResult is the reply to an AURPKGBUILDRequest, in chunks: the client joins the parts of Content. Base and AsOf are in the first
// chunk.
type AURPKGBUILDResult struct {
	// Base is the package base of the package.
	Base string `msgpack:"base,omitempty"`
	// AsOf is the time of the AUR's reply in Unix seconds. It may be a few minutes ago.
	AsOf int64 `msgpack:"as_of,omitempty"`
	// Content is the PKGBUILD. Other people have written it: it may have any bytes.
	Content []byte `msgpack:"content"`
}
