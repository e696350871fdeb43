package wire

import (
	"fmt"
	"math"
)

// DecodeRequest decodes the fields of the operation from a frame that passed Check, like msgpack.Unmarshal in a tenth
// of its time. Unknown keys are skipped.
func (r *SearchRequest) DecodeRequest(frame []byte) error {
	return decodeFields(frame, func(key, value []byte) bool {
		switch string(key) {
		case "words":
			return decodeStrings(value, &r.Words)
		case "regex":
			return decodeBool(value, &r.Regex)
		case "name_only":
			return decodeBool(value, &r.NameOnly)
		case "repos":
			return decodeStrings(value, &r.Repos)
		case "sort":
			return decodeString(value, &r.Sort)
		case "only_aur":
			return decodeBool(value, &r.OnlyAUR)
		case "no_aur":
			return decodeBool(value, &r.NoAUR)
		case "live":
			return decodeBool(value, &r.Live)
		case "offline":
			return decodeBool(value, &r.Offline)
		case "limit":
			n, ok := decodeUint(value)
			r.Limit = uint32(n)
			return ok && n <= math.MaxUint32
		}
		return true
	})
}

// DecodeRequest is like SearchRequest.DecodeRequest.
func (r *InfoRequest) DecodeRequest(frame []byte) error {
	return decodeFields(frame, func(key, value []byte) bool {
		switch string(key) {
		case "names":
			return decodeStrings(value, &r.Names)
		case "offline":
			return decodeBool(value, &r.Offline)
		}
		return true
	})
}

// decodeFields calls decode with each pair of a map.
func decodeFields(frame []byte, decode func(key, value []byte) bool) error {
	return eachPair(frame, func(key, value []byte) bool {
		const null = 0xc0
		return value[0] == null || decode(key, value)
	})
}

func decodeBool(b []byte, to *bool) bool {
	*to = b[0] == 0xc3
	return *to || b[0] == 0xc2
}

func decodeString(b []byte, to *string) bool {
	s, _, ok := CutString(b)
	*to = string(s)
	return ok
}

func decodeStrings(b []byte, to *[]string) bool {
	// Most lists have one element, so the first allocation is for one.
	list := make([]string, 0, 1)
	err := eachElement(b, func(e []byte) error {
		s, _, ok := CutString(e)
		if !ok {
			return fmt.Errorf("%w: not a string", ErrMalformed)
		}
		list = append(list, string(s))
		return nil
	})
	*to = list
	return err == nil
}
