;; Denies with 1,000 violations that all are the same bytes: each has a code and a message of 1 MB, so that 1 MB in the
;; guest is 2 GB for who copies it out. No type of the WIT is recursive; this is as deep as an answer gets.
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (local $violation i32)
    ;; The result at 0: ok, deny, a list at 64 KiB of 1,000 elements.
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 2))
    (i32.store (i32.const 8) (i32.const 65536))
    (i32.store (i32.const 12) (i32.const 1000))
    ;; 'XXXX…' from 128 KiB on.
    (memory.fill (i32.const 131072) (i32.const 88) (i32.const 1000000))
    (local.set $violation (i32.const 65536))
    (loop $more
        (i32.store offset=0 (local.get $violation) (i32.const 131072))
        (i32.store offset=4 (local.get $violation) (i32.const 1000000))
        (i32.store offset=8 (local.get $violation) (i32.const 131072))
        (i32.store offset=12 (local.get $violation) (i32.const 1000000))
        (local.set $violation (i32.add (local.get $violation) (i32.const 28)))
        (br_if $more (i32.lt_u (local.get $violation) (i32.const 93536))))
    (i32.const 0))
