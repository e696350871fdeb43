package fieldtemplate

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
)

// FieldValues returns a map from the JSON name of each field of a struct to its value. Texts are cleaned for a terminal.
// If JSON omits a field or the field is null, the map contains an empty string, because an unknown number is not zero.
func FieldValues(element any) (map[string]any, error) {
	b, err := json.Marshal(element)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]any)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	for k, v := range fields {
		fields[k] = cleanValue(v)
	}
	addAbsentFields(fields, reflect.Indirect(reflect.ValueOf(element)).Type())
	return fields, nil
}

// addAbsentFields adds empty strings for the fields that JSON omitted. The parameter t is the type of the struct; fields of
// structs inside it are added too.
func addAbsentFields(fields map[string]any, t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		value, ok := fields[name]
		if !ok {
			fields[name] = ""
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if m, ok := value.(map[string]any); ok && inner.Kind() == reflect.Struct {
			addAbsentFields(m, inner)
		}
	}
}

func cleanValue(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return termtext.Clean(v)
	case []any:
		for i := range v {
			v[i] = cleanValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = cleanValue(v[k])
		}
	}
	return v
}
