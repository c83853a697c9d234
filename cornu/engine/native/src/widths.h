// Includes EACH_WIDTH, the name of a header as lanes.h means them, for vectors of 16 and of 8 floats:
// its namespaces are `wide` and `middle`.

#define LANES 16
#define ROWS 6
#define WIDTH wide
#define ISA __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#include EACH_WIDTH
#undef LANES
#undef ROWS
#undef WIDTH
#undef ISA

#define LANES 8
#define ROWS 3
#define WIDTH middle
#define ISA __attribute__((target("avx2,fma")))
#include EACH_WIDTH
#undef LANES
#undef ROWS
#undef WIDTH
#undef ISA
