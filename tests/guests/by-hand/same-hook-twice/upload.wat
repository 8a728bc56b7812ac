;; Exports one hook twice, under the same name.
(component
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
