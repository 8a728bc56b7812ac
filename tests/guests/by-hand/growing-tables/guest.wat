;; Grows a table until it gets no more, and then gives up, as an allocator does.
(table $hoard 0 funcref)
(func (export "repairops:plugin/pre-transition@0.1.0#check") (param i32) (result i32)
    (loop $more
        (br_if $more
            (i32.ne (table.grow $hoard (ref.null func) (i32.const 1000)) (i32.const -1))))
    unreachable)
