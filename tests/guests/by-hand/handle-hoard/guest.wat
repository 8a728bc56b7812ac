;; Takes handles and gives none back.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (loop $again
        (drop (call $subscribe (i64.const 0)))
        (br $again))
    unreachable)
