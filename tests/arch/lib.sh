# shellcheck shell=bash
# What the checks share. Each check is a program of its own: it runs from anywhere, prints one line
# per finding, FILE:LINE: MESSAGE, and ends with 1 when there is one.
set -euo pipefail
# The self-test has trees of its own.
cd "${EXECO_ARCH_ROOT:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# C++ files under the folders named, sorted; folders that do not exist yet are none.
cpp_files() {
  local folder
  for folder in "$@"; do
    [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.hpp' -o -name '*.cpp' \)
  done | sort
}
