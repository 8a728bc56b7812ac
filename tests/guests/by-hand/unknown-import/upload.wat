;; Wants to make HTTP requests, which no plugin may.
(component
    (import "wasi:http/outgoing-handler@0.2.6" (instance))
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))
    (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")))
