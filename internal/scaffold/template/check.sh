#!/bin/sh
# What CI runs; the first error ends it. NIGHTRUNNER names another program than the one in PATH.
set -eu
cd "$(dirname "$0")"
nightrunner=${NIGHTRUNNER:-nightrunner}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== rules of SQL files"
"$nightrunner" lint --sql sql
echo "== tests of models"
"$nightrunner" test --sql sql
echo "== a run on a made-up chain"
"$nightrunner" demo --dir "$work" --days 10 --accounts 200 --generate-only
"$nightrunner" run --sql sql --warehouse "$work/night.duckdb" --export "$work/out" \
    --mongo "$work/chain/dump" --balances "$work/chain/balances" --node "$work/chain/node"
