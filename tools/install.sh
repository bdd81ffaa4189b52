#!/bin/sh
# install.sh PYTHON VENV LOCK DIGEST: a fresh virtual environment with exactly the locked packages. PYTHON may be empty.
# The digest is written last, so an interrupted install is not taken for a finished one.
set -eu
wanted=$1 venv=$2 lock=$3 digest=$4

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

python=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11}; do
    if fits "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    found=$("${wanted:-python3}" --version 2>/dev/null || echo "not there")
    echo "Manifold needs Python 3.11, 3.12 or 3.13 (TensorFlow has no packages for others) and" \
        "${wanted:-python3} is $found. Name another: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

echo "Installing $(grep -c == "$lock") locked packages into $venv with $("$python" --version); about a minute, 2 GB."
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --requirement "$lock"
echo "$digest" > "$venv/.installed"
