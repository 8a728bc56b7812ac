#!/usr/bin/env bash
# Fills the disk of a real server on SQLite, a small tmpfs, and gives it room again. Exits with 1 at the first surprise.
# Mounts a file system, so it needs root; on another system: `sudo -E tests/disk_full.sh`.
#
#     tests/disk_full.sh [ROUNDS]
#
# REPAIROPS_PROGRAM is the program to run (else it is built), REPAIROPS_DISK_MIB the size of the disk (else 4).

set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
small=${REPAIROPS_DISK_MIB:-4}
target=${CARGO_TARGET_DIR:-target}
program=${REPAIROPS_PROGRAM:-$target/debug/repairops}
[ -n "${REPAIROPS_PROGRAM:-}" ] || cargo build --quiet -p repairops

work=$(mktemp -d)
server=
end() {
  [ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null
  mountpoint -q "$work/disk" && umount "$work/disk"
  rm -rf "$work"
}
trap end EXIT

fail() { echo "FAILED: $*"; tail -n 20 "$work/log"; exit 1; }
field() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/.*: *"//; s/"$//'; }

mkdir "$work/disk"
mount -t tmpfs -o "size=${small}m" tmpfs "$work/disk"
database=sqlite:$work/disk/test.db

org=$("$program" admin org create --name Test --database "$database" --json | field id)
key=$("$program" admin key create --org "$org" --scope admin --name Test --database "$database" --json | field key)
"$program" serve --listen 127.0.0.1:0 --database "$database" --data "$work/data" --rate-limits off 2>"$work/log" &
server=$!
for _ in $(seq 100); do
  address=$(sed -n 's/.*address=\([0-9.:]*\).*/\1/p' "$work/log" | head -n 1)
  [ -n "$address" ] && break
  sleep 0.1
done
[ -n "$address" ] || fail "the server does not start"

# Prints the status; the body is in $work/body, the headers in $work/headers.
ask() {
  curl -s -o "$work/body" -D "$work/headers" -w '%{http_code}' -H "Authorization: Bearer $key" "http://$address$1" "${@:2}"
}
post() { ask "$1" -H 'Content-Type: application/json' "${@:3}" --data-binary "$2"; }
expect() { [ "$1" = "$2" ] || fail "$3: $1 instead of $2: $(cat "$work/body")"; }

expect "$(post /v1/shops '{"name": "Main Street"}')" 201 "a shop"
shop=$(field id <"$work/body")
text=$(printf 'It does not turn on. %.0s' $(seq 400))
ticket='{"shop_id": "'$shop'", "customer": {"name": "Jane Smith", "email": "jane@example.com"},
  "device_identifier": "iPhone 14", "issue_description": "'$text'"}'

acknowledged=0
size=$small
for round in $(seq "$rounds"); do
  while status=$(post /v1/tickets "$ticket") && [ "$status" = 201 ]; do acknowledged=$((acknowledged + 1)); done
  refused=0
  for attempt in $(seq 20); do
    status=$(post /v1/tickets "$ticket" -H "Idempotency-Key: $round-$attempt")
    if [ "$status" = 201 ]; then acknowledged=$((acknowledged + 1)); continue; fi # the last free page
    expect "$status" 503 "a write on a full disk"
    refused=$((refused + 1)) last=$attempt
    grep -qi '^retry-after: [1-9]' "$work/headers" || fail "no Retry-After"
    code=$(field code <"$work/body")
    [ "$code" = STORAGE_FULL ] || [ "$code" = DATABASE_UNAVAILABLE ] || fail "the code is $code"
    codes[$refused]=$code
  done
  [ "$refused" -gt 10 ] || fail "only $refused writes were refused"
  expect "$(ask '/v1/tickets?limit=1')" 200 "a read"
  expect "$(ask /healthz)" 200 "/healthz"
  expect "$(ask /readyz)" 503 "/readyz on a full disk"
  grep -q '"storage":"the disk of the database is full"' "$work/body" || fail "$(cat "$work/body")"
  echo "round $round: full after $acknowledged tickets; $refused writes refused ($(printf '%s\n' "${codes[@]}" | sort | uniq -c | xargs))"

  size=$((size + 1))
  mount -o "remount,size=${size}m" "$work/disk"
  expect "$(post /v1/tickets "$ticket" -H "Idempotency-Key: $round-$last")" 201 "a write with room again"
  acknowledged=$((acknowledged + 1))
  sleep 1.1 # /readyz tries a write once a second
  expect "$(ask /readyz)" 200 "/readyz with room again"
done

expect "$(ask '/v1/tickets?limit=1')" 200 "the list"
total=$(grep -o '"total": *[0-9]*' "$work/body" | grep -o '[0-9]*$')
[ "$total" = "$acknowledged" ] || fail "$total tickets, $acknowledged acknowledged"
"$program" admin doctor --database "$database" || fail "the doctor found something"
echo "all $acknowledged acknowledged tickets are there, without a restart"
