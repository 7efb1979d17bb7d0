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
# Nothing of nightrunner.toml or the environment: the made-up chain must reach no source, destination or message of ours.
for name in $(env | sed -n 's/^\(NIGHTRUNNER_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
echo "== a run on a made-up chain"
"$nightrunner" --config /dev/null demo --dir "$work" --days 10 --accounts 200 --generate-only
"$nightrunner" --config /dev/null run --sql sql --warehouse "$work/night.duckdb" --export "$work/out" \
    --mongo "$work/chain/dump" --balances "$work/chain/balances" --node "$work/chain/node"
