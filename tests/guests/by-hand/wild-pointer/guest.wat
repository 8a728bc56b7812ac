;; Denies with a list that lies outside of its memory.
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 2))
    (i32.store (i32.const 8) (i32.const 0x7fff0000))
    (i32.store (i32.const 12) (i32.const 3))
    (i32.const 0))
