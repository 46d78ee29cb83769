#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# find-python.sh VERSION...   prints the first interpreter of these versions that can make a virtual environment.
#
# Looks on PATH, then where pyenv keeps its versions. A candidate is run before it is believed: pyenv's shims exist for
# versions that are not selected, and Debian's Python comes without ensurepip. Inside a virtual environment the
# interpreter behind it is meant, which outlives that environment.
set -euo pipefail

probe='
import ensurepip, os, sys, venv
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
print(os.path.realpath(sys.executable))
'

candidates() {
    type -aP "python$1" python3 || true
    printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python | sort --version-sort --reverse
}

for version in "$@"; do
    while read -r python; do
        "$python" -c "$probe" "$version" 2>/dev/null && exit
    done < <(candidates "$version")
done

versions="$*"
echo "No usable Python (${versions// / or }) was found on PATH or in ${PYENV_ROOT:-$HOME/.pyenv}/versions:" \
    "install one with its venv module, for example by 'pyenv install $1' or the system's package 'python$1-venv'." >&2
exit 1
