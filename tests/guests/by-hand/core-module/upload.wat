;; What `--target wasm32-unknown-unknown` makes.
(module
    (@custom "repairops:name" "made-by-hand")
    (@custom "repairops:version" "1.0.0")
    (memory (export "memory") 1)
    (func (export "check") (param i32) (result i32) (local.get 0)))
