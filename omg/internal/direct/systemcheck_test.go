package direct

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/filecheck"
)

// TestSystemCheck_FileProblems checks that a file that only root can read counts as unreadable, not as missing or altered, and that the
// problems of one file are joined.
func TestSystemCheck_FileProblems(t *testing.T) {
	c := &systemChecker{result: &backend.SystemCheck{}}
	for _, p := range []filecheck.Problem{
		{Kind: filecheck.Missing, Package: "a", Path: "/1", Err: unix.EACCES},
		{Kind: filecheck.UnreadableContent, Package: "a", Path: "/2", Text: "failed to calculate SHA256 checksum", Err: unix.EACCES},
		{Kind: filecheck.Altered, Package: "a", Path: "/3", Text: "Size mismatch"},
		{Kind: filecheck.Altered, Package: "a", Path: "/3", Text: "GID mismatch"},
		{Kind: filecheck.BackupChanged, Package: "a", Path: "/4", Text: "Size mismatch"},
		{Kind: filecheck.Missing, Package: "a", Path: "/5", Err: unix.ENOENT},
		{Kind: filecheck.Missing, Package: "a", Path: "/6", Err: unix.ELOOP},
		{Kind: filecheck.WrongType, Package: "b", Path: "/3", Text: "File type mismatch"},
	} {
		c.addFileProblem(p)
	}
	require.Equal(t, 2, c.result.UnreadableCount)
	require.Equal(t, []backend.SystemProblem{
		{Kind: backend.ProblemAlteredFile, Package: "a", Path: "/3", Details: []string{"Size mismatch", "GID mismatch"}},
		{Kind: backend.ProblemMissingFile, Package: "a", Path: "/5"},
		{Kind: backend.ProblemMissingFile, Package: "a", Path: "/6", Details: []string{"too many levels of symbolic links"}},
		{Kind: backend.ProblemAlteredFile, Package: "b", Path: "/3", Details: []string{"File type mismatch"}},
	}, c.result.Problems)
}
