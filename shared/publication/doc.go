// Package publication describes a published directory, with which one machine gives its sources to many others over any web server. It
// reads such a directory and decides what of it is trusted. omg-index publish writes the directory:
//
//	manifest.json, manifest.json.minisig   the manifest and its signature
//	manifests/HASH.json                    the same manifest, and those of the last week
//	keys.json, keys.json.minisig           the statement and its signature; optional
//	statements/HASH.json                   the same statement
//	objects/HA/HASH.zst                    contents of sources and patches, compressed with zstd
//
// HASH is the SHA-256 of the file, in lower-case hexadecimal, and HA are its first two digits. Such files never change. A reader begins
// with a signature: its trusted comment has the hash of the signed document, and so the name of a file that never changes. Therefore a
// document and its signature cannot be of different times, however a mirror copies the directory and however long a cache keeps a file.
// The files manifest.json and keys.json are copies for people and for minisign -V.
//
// # Keys
//
// A user trusts keys of two kinds. An online key signs manifests. An offline key signs statements only: a statement names further online
// keys, until the next statement of the same offline key. An online key can therefore not name its successor.
//
// # Checks
//
// A reader checks in this order: the signature, before anything of a document is parsed; the sequence, which never decreases and is
// remembered for each key; the time at which the document expires; the sizes, before memory is allocated; and the hashes. A manifest
// that has expired is used, but it is stale. A statement that has expired is not used.
//
// A remembered sequence counts only for its own key. A thief who signs a manifest with a very large sequence does not lock out the
// publisher, whose next key begins with its own sequence.
package publication
