;; 15 MiB, three times: each is allowed, all together are not.
(module (memory 240))
