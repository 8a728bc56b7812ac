;; Its `check` takes a number and answers one.
(component
    (core module $code (func (export "check") (param i32) (result i32) (local.get 0)))
    (core instance $code (instantiate $code))
    (func $check (param "event" u32) (result u32) (canon lift (core func $code "check")))
    (instance $hook (export "check" (func $check)))
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
