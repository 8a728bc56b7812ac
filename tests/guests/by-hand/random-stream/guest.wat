;; Asks for random bytes for ever, as many at once as it may get, into the same place.
(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (loop $again
        (call $random (i64.const 65536) (i32.const 0))
        (global.set $next (i32.const 2097152))
        (br $again))
    unreachable)
