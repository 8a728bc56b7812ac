;; Never gets as far as being asked: see `beside.wat`.
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    unreachable)
