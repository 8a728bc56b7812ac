# Commands for developers; `just NAME` runs one. Each line also works by itself in a shell, without just.

# List the recipes.
default:
    @just --list --unsorted

# Serve the sample plugins, two shops and some weeks of tickets.
demo *ARGS:
    cargo run -- demo {{ARGS}}

# Serve the API on SQLite in the working directory.
serve *ARGS:
    cargo run -- serve {{ARGS}}

# Run all tests on SQLite and PostgreSQL, or those whose names contain the argument.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format all code.
fmt:
    cargo fmt --all

# Lint all code.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Check bans, licenses and sources of dependencies.
deny:
    cargo deny --log-level error check bans licenses sources

# Run everything that must pass before a change lands.
ci:
    .ci/run

# Renew the committed OpenAPI document.
openapi:
    cargo run -- openapi > docs/openapi.json

# Renew the JavaScript SDK's types from the document.
sdk: openapi
    npm --prefix sdk/js ci
    cp docs/openapi.json sdk/js/openapi.json
    npm --prefix sdk/js run generate

# Run schemathesis against a real server: [sqlite] [postgres] [-- options].
schemathesis *ARGS:
    tests/schemathesis.sh {{ARGS}}

# Fill a small disk under a real server (needs root).
disk-full *ARGS:
    tests/disk_full.sh {{ARGS}}

# Measure; `just bench --bench call` runs one, docs/performance.md lists them.
bench *ARGS:
    cargo bench -p repairops {{ARGS}}
