#!/usr/bin/env bash
# Runs schemathesis over /v1/openapi.json, with all its checks, against a real server on SQLite and on PostgreSQL.
# Exits with 1 if it finds anything.
#
#     tests/schemathesis.sh [sqlite] [postgres] [-- options of `schemathesis run`]
#
# REPAIROPS_TEST_POSTGRES is the server to use (else postgres@127.0.0.1:5432), REPAIROPS_SCHEMATHESIS_EXAMPLES how
# many examples each operation gets in the fuzzing phase (else 100). Python packages go to target/test-tools/.

set -euo pipefail
cd "$(dirname "$0")/.."

databases=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do databases+=("$1"); shift; done
[ $# -gt 0 ] && shift
[ ${#databases[@]} -gt 0 ] || databases=(sqlite postgres)

postgres=${REPAIROPS_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/postgres}
examples=${REPAIROPS_SCHEMATHESIS_EXAMPLES:-100}
target=${CARGO_TARGET_DIR:-target}
tools=$PWD/$target/test-tools/schemathesis-$(sha256sum tests/schemathesis/requirements.txt | cut -c1-12)
work=$(mktemp -d)
server=
made=

end() {
  [ -z "$server" ] || { kill -9 "$server" && wait "$server" || true; } 2>/dev/null
  [ -z "$made" ] || psql --quiet "$postgres" -c "drop database if exists $made with (force)" || true
  server= made=
}
trap 'end; rm -rf "$work"' EXIT

install() {
  [ -x "$tools/bin/schemathesis" ] && return
  python3 -m venv --clear "$tools" ||
    { apt-get update && apt-get install --yes python3-venv && python3 -m venv --clear "$tools"; }
  "$tools/bin/python" -m pip install --quiet --no-input --requirement tests/schemathesis/requirements.txt
}

# The field of a JSON object on standard input.
field() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

run() {
  local kind=$1 url org key address
  shift
  mkdir -p "$work/$kind"
  if [ "$kind" = sqlite ]; then
    url=sqlite:$work/sqlite/test.db
  else
    made=repairops_schemathesis_$$
    psql --quiet "$postgres" -c "create database $made"
    url=${postgres%/*}/$made
  fi
  export REPAIROPS_DATABASE=$url REPAIROPS_DATA=$work/$kind/data
  org=$("$program" admin org create --name Schemathesis --json | field id)
  key=$("$program" admin key create --org "$org" --scope admin --name Schemathesis --json | field key)
  REPAIROPS_RATE_LIMITS=off REPAIROPS_AUTH_FAILURES_PER_MINUTE=0 REPAIROPS_LISTEN=127.0.0.1:0 RUST_LOG=warn,repairops::cli=info \
    "$program" serve 2> "$work/$kind/log" &
  server=$!
  for _ in $(seq 100); do
    address=$(sed -n 's/.*address=\([0-9.:]*\).*/\1/p' "$work/$kind/log" | head -n 1)
    [ -n "$address" ] && break
    sleep 0.1
  done
  [ -n "$address" ] || { cat "$work/$kind/log"; return 1; }
  echo "== $kind: $address"
  local found=0
  (
    cd tests/schemathesis
    export REPAIROPS_BASE=http://$address REPAIROPS_KEY=$key REPAIROPS_COMPONENT=$component NO_PROXY=127.0.0.1
    PYTHONDONTWRITEBYTECODE=1 "$tools/bin/schemathesis" --config-file schemathesis.toml run "http://$address/v1/openapi.json" \
      --checks all --max-response-time 30 --max-examples "$examples" --no-color "$@"
  ) || found=1
  if grep -E "ERROR|panicked" "$work/$kind/log"; then found=1; fi
  end
  return $found
}

# Not --package: with the SDK beside it the engine is built with the same features as for the tests, so only once.
cargo build --quiet
program=$PWD/$target/debug/repairops
component=$("$program" plugin build --json plugins/qc-gate | field path)
install

failed=()
for kind in "${databases[@]}"; do
  run "$kind" "$@" || failed+=("$kind")
done
for kind in "${databases[@]}"; do
  case " ${failed[*]-} " in *" $kind "*) echo "$kind: findings" ;; *) echo "$kind: nothing found" ;; esac
done
[ ${#failed[@]} -eq 0 ]
