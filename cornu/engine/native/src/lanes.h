// Vectors of LANES floats, for code that is compiled once for each width of them.
//
// A header that needs them includes this inside its namespace, after saying LANES and ISA (the
// attribute that allows the instructions), and `#undef`s INLINE and UNROLL at its end. Nothing of
// the standard library is used in such code: what it inlines would be compiled for another machine.

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float Loose __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define INLINE ISA __attribute__((always_inline)) static inline
#define UNROLL _Pragma("GCC unroll 8")

INLINE Vec fill(float x) { return x - Vec{}; }  // one load that fills a vector

INLINE Vec load(const float* from) { return *reinterpret_cast<const Loose*>(from); }

INLINE void store(float* to, Vec v) { *reinterpret_cast<Loose*>(to) = v; }
