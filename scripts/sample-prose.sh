#!/usr/bin/env bash
# Prints N random passages of the project's comments and documents, without their context: sample-prose.sh SEED N. With
# "names" as the third argument, it prints identifiers instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec go run -tags urfave_cli_no_docs ./integration/cmd/omg-prose -blind -seed "${1:-1}" -n "${2:-60}" ${3:+-names}
