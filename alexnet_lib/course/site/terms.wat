;; sums[o] += Σ values[t] · weight[places[t] + o]: four terms and four sums at a time.
;;
;; All arguments are addresses in the page's memory: of the first sum and behind the last, of the
;; first value and behind the last, of the first term's place, which is itself an address. The
;; page (network.js) holds this as base64; npm's wabt makes it anew:
;;   node -e 'require("wabt")().then((w) => console.log(Buffer.from(w.parseWat("terms.wat",
;;     require("fs").readFileSync("terms.wat"), { simd: true }).toBinary({}).buffer)
;;     .toString("base64")))'
(module
  (import "page" "memory" (memory 1))
  (func (export "add")
    (param $sums i32) (param $end i32) (param $values i32) (param $last i32) (param $places i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $p i32) (local $q i32) (local $r i32) (local $s i32) (local $at i32)
    (block $done (loop $terms
      (br_if $done (i32.ge_u (local.get $values) (local.get $last)))
      (local.set $a (v128.load32_splat (local.get $values)))
      (local.set $b (v128.load32_splat offset=4 (local.get $values)))
      (local.set $c (v128.load32_splat offset=8 (local.get $values)))
      (local.set $d (v128.load32_splat offset=12 (local.get $values)))
      (local.set $p (i32.load (local.get $places)))
      (local.set $q (i32.load offset=4 (local.get $places)))
      (local.set $r (i32.load offset=8 (local.get $places)))
      (local.set $s (i32.load offset=12 (local.get $places)))
      (local.set $at (local.get $sums))
      (loop $outputs
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) (f32x4.add
          (f32x4.add (f32x4.mul (local.get $a) (v128.load (local.get $p)))
                     (f32x4.mul (local.get $b) (v128.load (local.get $q))))
          (f32x4.add (f32x4.mul (local.get $c) (v128.load (local.get $r)))
                     (f32x4.mul (local.get $d) (v128.load (local.get $s)))))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 16)))
        (local.set $r (i32.add (local.get $r) (i32.const 16)))
        (local.set $s (i32.add (local.get $s) (i32.const 16)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $outputs (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $values (i32.add (local.get $values) (i32.const 16)))
      (local.set $places (i32.add (local.get $places) (i32.const 16)))
      (br $terms)))))
