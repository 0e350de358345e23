#!/bin/sh
# Installs image-tags into a virtual environment, as the image has it.
#   deploy/image/install.sh SOURCE TARGET [EXTRAS]      EXTRAS: `local`, `dask`, or both with a comma
set -eu
source=$1
target=$2
extras=${3:+"[$3]"}
python=${PYTHON:-python3}

"$python" -m venv "$target"
# `-c` pins every version: an image that is built again next month is the same.
"$target/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check \
    -c "$source/constraints.txt" "$source$extras"
"$target/bin/image-tags" --version
