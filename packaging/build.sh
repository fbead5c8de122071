#!/usr/bin/env bash
# Build both frozen forms in a clean environment from the lock, then play the main job inside each, without a Python
# on the path. Leaves dist/stack-local (a directory) and dist/stack-local-onefile.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --quiet --require-hashes --only-binary :all: -r requirements.lock -r requirements-package.lock
"$work/venv/bin/pip" wheel --quiet --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheel" "$root"
"$work/venv/bin/pip" install --quiet --quiet --no-deps "$work"/wheel/*.whl
cp packaging/stack-local.spec packaging/entry.py "$work/"

rm -rf dist
(cd "$work" && venv/bin/python -m PyInstaller --noconfirm --log-level WARN \
  --distpath "$root/dist" --workpath "$work/build" stack-local.spec)

python3 packaging/verify.py dist/stack-local/stack-local dist/stack-local-onefile
