package pacman

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// errSignature means that a signature has a form that pacman does not read.
var errSignature = errors.New("signature format error")

// issuerKeys returns the IDs of the keys in an OpenPGP signature in base64: the issuers in its packets of version 4 (RFC 4880,
// section 5.2.3). The keys before a packet that cannot be read are returned too.
func issuerKeys(encoded string) (keys []string, err error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errSignature
	}
	for len(data) > 0 {
		var body []byte
		if body, data, err = cutPacket(data); err != nil {
			return keys, err
		}
		const headLength = 4 // version, type, two algorithms
		if len(body) < headLength || body[0] != 4 || body[1] != 0 {
			return keys, errSignature
		}
		body = body[headLength:]
		for range 2 { // the hashed subpackets, then the others
			if len(body) < 2 {
				return keys, errSignature
			}
			n := int(binary.BigEndian.Uint16(body))
			if body = body[2:]; n > len(body) {
				return keys, errSignature
			}
			if key, ok := findIssuer(body[:n]); ok {
				keys = append(keys, key)
			}
			body = body[n:]
		}
	}
	return keys, nil
}

// cutPacket splits off the first packet, and returns it without its header.
func cutPacket(data []byte) (body, rest []byte, err error) {
	tag := data[0]
	if tag&0x80 == 0 {
		return nil, nil, errSignature
	}
	var length, header int
	if tag&0x40 != 0 {
		length, header = subpacketLength(data[1:], 224)
		header++
	} else if size := 1 << (tag & 3); size <= 4 && len(data) > size {
		var n [4]byte
		copy(n[4-size:], data[1:1+size])
		length, header = int(binary.BigEndian.Uint32(n[:])), 1+size
	}
	if header < 2 || length > len(data)-header {
		return nil, nil, errSignature
	}
	return data[header : header+length], data[header+length:], nil
}

// subpacketLength decodes the length at the start of data. Lengths in two bytes begin with a byte below the limit. The result size
// is the number of bytes that the length takes, or 0 if it cannot be decoded.
func subpacketLength(data []byte, limit byte) (length, size int) {
	switch {
	case len(data) >= 1 && data[0] < 192:
		return int(data[0]), 1
	case len(data) >= 2 && data[0] < limit:
		return int(data[0]-192)<<8 + int(data[1]) + 192, 2
	case len(data) >= 5 && data[0] == 255:
		return int(binary.BigEndian.Uint32(data[1:])), 5
	}
	return 0, 0
}

// findIssuer returns the key ID in the first subpacket of the type issuer.
func findIssuer(data []byte) (key string, ok bool) {
	const issuer = 16
	for len(data) > 0 {
		length, size := subpacketLength(data, 255)
		if size == 0 || length == 0 || length > len(data)-size {
			return "", false
		}
		body := data[size : size+length]
		if body[0] == issuer && len(body) >= 9 {
			return fmt.Sprintf("%X", body[1:9]), true
		}
		data = data[size+length:]
	}
	return "", false
}
