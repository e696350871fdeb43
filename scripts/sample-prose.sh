#!/usr/bin/env bash
# Prints N random passages of the project, for a reader who has not seen the code: sample-prose.sh SEED N. With "names" as
# third argument it prints identifiers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec go run -tags urfave_cli_no_docs ./integration/cmd/omg-prose -blind -seed "${1:-1}" -n "${2:-60}" ${3:+-names}
