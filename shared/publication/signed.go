package publication

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aead.dev/minisign"
)

// Limits of documents and their signatures in bytes.
const (
	MaxManifestBytes  = 1 << 20
	MaxStatementBytes = 64 << 10
	MaxSignatureBytes = 4 << 10
)

// maxBytes returns the maximum size of a document.
func maxBytes(document string) int64 {
	if document == StatementName {
		return MaxStatementBytes
	}
	return MaxManifestBytes
}

// Names of the signed documents. The name of a signature is that of its document and SignatureSuffix.
const (
	ManifestName    = "manifest.json"
	StatementName   = "keys.json"
	SignatureSuffix = ".minisig"
)

// ManifestDir and statementDir are the directories of the documents under their hashes.
const (
	ManifestDir  = "manifests"
	statementDir = "statements"
)

var (
	// ErrSignature means that no trusted key has signed a document.
	ErrSignature = errors.New("it is not signed by a trusted key")
	// ErrDamaged means that a signature is none of minisign, or that it names a trusted key and is not valid: the document or the signature is
	// not what that key has signed.
	ErrDamaged = errors.New("damaged, or changed by somebody")
)

// Digest returns the SHA-256 of content in lower-case hexadecimal.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// isDigest reports whether text is a SHA-256 in lower-case hexadecimal.
func isDigest(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}

// CopyName returns the name of the file that has a document under its hash. The parameter document is ManifestName or StatementName.
func CopyName(document string, content []byte) string { return copyName(document, Digest(content)) }

func copyName(document, hash string) string {
	dir := ManifestDir
	if document == StatementName {
		dir = statementDir
	}
	return dir + "/" + hash + ".json"
}

// hashField is the part of a trusted comment before the hash of the document. Like the other parts of the comments of minisign, it
// follows a tab or begins the comment.
const hashField = "sha256:"

// Sign returns the signature of a document, as minisign makes it, with the time and the document's hash in the trusted comment.
func Sign(key minisign.PrivateKey, document string, content []byte, at time.Time) ([]byte, error) {
	comment := fmt.Sprintf("timestamp:%d\tfile:%s\thashed\t%s%s", at.Unix(), document, hashField, Digest(content))
	r := minisign.NewReader(bytes.NewReader(content))
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	signature := r.SignWithComments(key, comment, "signature from omg-index")
	// The file of a secret key can be damaged: its public half need not belong to its secret half.
	if public := key.Public().(minisign.PublicKey); !minisign.Verify(public, content, signature) {
		return nil, errors.New("the secret key is damaged: its signatures are not valid")
	}
	return signature, nil
}

// SignedHash returns the hash of the document that a signature names in its trusted comment. It returns "" if the comment has no hash,
// because another program has signed the document. The comment is not verified: only the name of a file may depend on it.
func SignedHash(signature []byte) string {
	var s minisign.Signature
	if len(signature) > MaxSignatureBytes || s.UnmarshalText(signature) != nil {
		return ""
	}
	for field := range strings.SplitSeq(s.TrustedComment, "\t") {
		if hash, found := strings.CutPrefix(field, hashField); found && isDigest(hash) {
			return hash
		}
	}
	return ""
}

// verify returns the key of the list that has signed the document in a file. Both forms of minisign's signatures are accepted. An error wraps
// ErrSignature or ErrDamaged.
func verify(keys []minisign.PublicKey, file string, content, signature []byte) (minisign.PublicKey, error) {
	var s minisign.Signature
	if len(signature) > MaxSignatureBytes || s.UnmarshalText(signature) != nil {
		return minisign.PublicKey{}, fmt.Errorf("the signature of %s: %w: not one of minisign", file, ErrDamaged)
	}
	err := ErrSignature
	for _, key := range keys {
		if minisign.Verify(key, content, signature) {
			return key, nil
		}
		if key.ID() == s.KeyID {
			err = fmt.Errorf("%w: its signature is not valid", ErrDamaged)
		}
	}
	return minisign.PublicKey{}, fmt.Errorf("%s: %w", file, err)
}
