(component
    (@custom "repairops:name" "guest-schema-elsewhere") (@custom "repairops:version" "1.0.0")
    (@custom "repairops:settings-schema" "{\"properties\":{\"a\":{\"$ref\":\"http://127.0.0.1:1/schema.json\"}}}")
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook)))
