;; A trap that is no panic.
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param $event i32) (result i32)
    (i32.div_u (local.get $event) (i32.const 0)))
