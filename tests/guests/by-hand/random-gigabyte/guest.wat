;; Asks for a gigabyte of random bytes at once.
(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (call $random (i64.const 1073741824) (i32.const 0))
    unreachable)
