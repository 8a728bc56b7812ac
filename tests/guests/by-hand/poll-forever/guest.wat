;; Waits for a moment in 584 years.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (i32.store (i32.const 0) (call $subscribe (i64.const -1)))
    (call $poll (i32.const 0) (i32.const 1) (i32.const 8))
    unreachable)
