;; Calls the host for ever: neither fuel nor the deadline ends what costs the host more than the guest.
(import "repairops:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (loop $again
        (call $write (i32.const 0) (i32.const 0) (i32.const 0))
        (br $again))
    unreachable)
