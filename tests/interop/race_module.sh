#!/usr/bin/env bash
# race_module.mjs, where there is a Node to run it.
command -v node >/dev/null || { echo "SKIPPED: node is not installed: the browsers' race is not tried in it"; exit 77; }
exec node "$(dirname "$0")/race_module.mjs" "$1"
