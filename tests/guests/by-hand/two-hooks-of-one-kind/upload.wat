;; Exports one hook in two versions, both of which this host takes: which one is it?
(component
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (export "repairops:plugin/pre-transition@0.1.1" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
