#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# venv.sh FOLDER REQUIREMENTS VERSION...   makes the virtual environment FOLDER what the file REQUIREMENTS says.
#
# A stamp, written last, holds a digest of every requirements file that took part: an environment that was
# interrupted or whose requirements have changed is made anew, any other is left alone.
set -euo pipefail

venv=$1 requirements=$2
shift 2
here=$(dirname "$0")
stamp=$venv/requirements.sha256

# Two makes at the same time wait for one another.
exec 9>"$venv.lock"
flock 9

closure() {
    local file=$1 included
    echo "$file"
    sed -n 's/^-r  *//p' "$file" | while read -r included; do closure "$(dirname "$file")/$included"; done
}

digest=$(closure "$requirements" | xargs cat | sha256sum)
if [[ -x $venv/bin/python && $(cat "$stamp" 2>/dev/null) == "$digest" ]]; then
    exit
fi

python=$("$here/find-python.sh" "$@")
echo "==> making $venv with $("$python" --version) ($python): a minute, this once" >&2
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
echo "$digest" >"$stamp"
echo "==> $venv is ready after $SECONDS s" >&2
