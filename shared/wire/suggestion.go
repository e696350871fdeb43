package wire

// SuggestionReason says how a suggested name differs from the text that a user typed.
type SuggestionReason string

// The reasons.
const (
	SuggestionSpacing  SuggestionReason = "spacing"  // only in spaces, dashes and other separators
	SuggestionSpelling SuggestionReason = "spelling" // in one or two letters
	SuggestionVersion  SuggestionReason = "version"  // the text is the name with a version
	SuggestionVariant  SuggestionReason = "variant"  // the name goes on after the text, or after a similar text
	SuggestionCommand  SuggestionReason = "command"  // the text is a command of the package
)

// Suggestion is the name of a package that is similar to a text for which nothing was found, or that brings a command with the text as
// its name.
type Suggestion struct {
	Name   string           `msgpack:"name" json:"name"`
	Reason SuggestionReason `msgpack:"reason" json:"reason"`
}

// SuggestedNames returns the names of suggestions.
func SuggestedNames(list []Suggestion) []string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return names
}

// PackagesWithCommand returns the names of the suggested packages that bring a command with the text as its name.
func PackagesWithCommand(list []Suggestion) (names []string) {
	for _, s := range list {
		if s.Reason == SuggestionCommand {
			names = append(names, s.Name)
		}
	}
	return names
}
