package ask

// OpDoctor is the operation that looks for what users stumble over. Read takes it.
const OpDoctor = "doctor"

// DoctorRequest asks for all checks.
type DoctorRequest struct{}

// The outcomes of a check.
const (
	CheckOK      = "ok"
	CheckProblem = "problem"
	CheckUnknown = "unknown"
)

// Check is one thing that was looked at.
type Check struct {
	Name string `msgpack:"name" json:"name"`
	// State is ok, problem or unknown.
	State string `msgpack:"state" json:"state"`
	// Found says what was seen, Todo what to do about a problem.
	Found string `msgpack:"found" json:"found"`
	Todo  string `msgpack:"todo,omitempty" json:"todo,omitempty"`
}

// DoctorResult is the answer to a DoctorRequest.
type DoctorResult struct {
	Checks []Check `msgpack:"checks" json:"checks"`
}
