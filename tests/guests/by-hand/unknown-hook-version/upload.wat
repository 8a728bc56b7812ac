;; Made for a host of the future.
(component
    (instance $hook)
    (export "repairops:plugin/pre-transition@9.0.0" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
