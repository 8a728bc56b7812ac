;; A command, not a plugin.
(component
    (instance $run)
    (export "wasi:cli/run@0.2.6" (instance $run))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
