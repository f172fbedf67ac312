#!/usr/bin/env bash
# Build sdist and wheel, and try the wheel in an environment of its own: both have to be small, and the
# wheel to install with constraints.txt and to run the demo away from the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
here=$PWD
rm -rf dist build/release
"$python" -m venv build/release
bin=$here/build/release/bin
[ -d "$bin" ] || bin=$here/build/release/Scripts
"$bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt build
"$bin/python" -m build --outdir dist
wheel=$(ls "$here"/dist/*.whl)
for file in "$wheel" "$here"/dist/*.tar.gz; do
    size=$(wc -c < "$file")
    echo "$(basename "$file"): $((size / 1024)) KiB"
    [ "$size" -le $((10 * 1024 * 1024)) ] || { echo "Expected 10 MiB at most." >&2; exit 1; }
done
"$bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt "$wheel"
cd build/release # away from the sources
"$bin/spatialrecon" methods > methods.txt
"$bin/spatialrecon" demo --out demo --progress none
for file in demo/index.html demo/her2_overlay.png demo/placed.h5ad; do
    [ -s "$file" ] || { echo "Expected $file from the demo, found none." >&2; exit 1; }
done
echo "dist/ holds what was built; the demo ran from the wheel."
