;; Imports `log`, but calls `write` with a number.
(component
    (import "repairops:plugin/log@0.1.0" (instance (export "write" (func (param "line" u32)))))
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
