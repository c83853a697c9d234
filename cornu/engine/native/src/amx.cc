#include "amx.h"

#if defined(__linux__) && (__GNUC__ >= 11 || __clang_major__ >= 12)
#define CORNU_AMX
#endif

#ifdef CORNU_AMX

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

// GCC 12 finds fault with its own header.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define VECTORS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define TILES __attribute__((target("avx512f,avx512bw,amx-tile,amx-bf16")))

namespace cornu::amx {
namespace {

constexpr int64_t TILE = SIDE * DEPTH;  // numbers
constexpr int64_t AHEAD = 4 * DEPTH;    // numbers of a line that are fetched before they are needed

// ---------------------------------------------------------------- packing

// Those of 32 numbers.
struct Three {
  __m512i high, middle, low;
};

VECTORS inline __m512i two(__m256bh first, __m256bh second) {
  return _mm512_inserti64x4(_mm512_castsi256_si512((__m256i)first), (__m256i)second, 1);
}

VECTORS inline __m512 widened(__m256bh x) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)x), 16);
}

// The parts of 32 numbers in their order. `odd` gathers where one has none: what is left of it then
// is no number.
VECTORS inline Three parts(__m512 a, __m512 b, __mmask16* odd) {
  constexpr int INFINITE_OR_NAN = 0x99;
  const __m256bh a_high = _mm512_cvtneps_pbh(a), b_high = _mm512_cvtneps_pbh(b);
  a -= widened(a_high);
  b -= widened(b_high);
  *odd |= _mm512_fpclass_ps_mask(a, INFINITE_OR_NAN) | _mm512_fpclass_ps_mask(b, INFINITE_OR_NAN);
  const __m256bh a_middle = _mm512_cvtneps_pbh(a), b_middle = _mm512_cvtneps_pbh(b);
  a -= widened(a_middle);
  b -= widened(b_middle);
  const __m256bh a_low = _mm512_cvtneps_pbh(a), b_low = _mm512_cvtneps_pbh(b);
  return {two(a_high, b_high), two(a_middle, b_middle), two(a_low, b_low)};
}

alignas(64) constexpr uint16_t PAIRS[] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                          21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                          11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

// Numbers of two lines one after the other become pairs of a number of each.
VECTORS inline __m512i paired(__m512i x) {
  return _mm512_permutexvar_epi16(_mm512_load_si512(PAIRS), x);
}

// 16 x 16 numbers of 32 bits, rows and columns exchanged.
VECTORS void turn(const Half* from, Half* to) {
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_load_si512(from + i * DEPTH);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    b[i] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i rows[4] = {_mm512_shuffle_i32x4(b[i], b[i + 8], 0x88),
                             _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0x88),
                             _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd),
                             _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0xdd)};
    for (int j = 0; j < 4; ++j) _mm512_store_si512(to + (i + 4 * j) * DEPTH, rows[j]);
  }
}

constexpr __mmask16 first(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1; }

// 16 and 16 numbers, or those of them that are there, become a row of the tile of each part.
VECTORS inline void spread(const float* a, const float* b, __mmask16 has_a, __mmask16 has_b,
                           bool in_pairs, Half* to, __mmask16* odd) {
  const Three p = parts(_mm512_maskz_loadu_ps(has_a, a), _mm512_maskz_loadu_ps(has_b, b), odd);
  _mm512_store_si512(to, in_pairs ? paired(p.high) : p.high);
  _mm512_store_si512(to + TILE, in_pairs ? paired(p.middle) : p.middle);
  _mm512_store_si512(to + 2 * TILE, in_pairs ? paired(p.low) : p.low);
}

VECTORS inline void spread(const Half* a, const Half* b, __mmask16 has_a, __mmask16 has_b,
                           bool in_pairs, Half* to, __mmask16*) {
  const __m512i both =
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi16(has_a, a)),
                         _mm256_maskz_loadu_epi16(has_b, b), 1);
  _mm512_store_si512(to, in_pairs ? paired(both) : both);
}

// The tiles of one step where numbers of a line lie side by side: rows are lines.
template <class Number>
VECTORS void lines_side_by_side(const FactorOf<Number>& from, int64_t lines, int64_t depth,
                                Half* to, __mmask16* odd) {
  for (int64_t i = 0; i < SIDE; ++i, to += DEPTH) {
    const Number* line = from.start + i * from.line;
    const __mmask16 here = i < lines ? 0xffff : 0;
    _mm_prefetch(line + AHEAD, _MM_HINT_T0);
    _mm_prefetch(line + AHEAD + 16, _MM_HINT_T0);
    spread(line, line + 16, here & first(depth), here & first(depth - 16), false, to, odd);
  }
}

// The same where lines lie side by side: rows are pairs of steps.
template <class Number>
VECTORS void steps_side_by_side(const FactorOf<Number>& from, int64_t lines, int64_t depth,
                                Half* to, __mmask16* odd) {
  for (int64_t k = 0; k < DEPTH; k += 2, to += DEPTH) {
    const Number* step = from.start + k * from.step;
    _mm_prefetch(step + DEPTH * from.step, _MM_HINT_T0);
    _mm_prefetch(step + (DEPTH + 1) * from.step, _MM_HINT_T0);
    const __mmask16 one = k < depth ? first(lines) : 0, other = k + 1 < depth ? first(lines) : 0;
    spread(step, step + from.step, one, other, true, to, odd);
  }
}

// Goes through memory in its own order: what lies side by side is read one after the other.
template <class Number>
VECTORS bool packed(Which which, const FactorOf<Number>& from, int64_t lines, int64_t depth,
                    Half* to) {
  constexpr int64_t PARTS = amx::PARTS<Number>;
  alignas(64) Half turned[PARTS * TILE];
  const bool by_lines = from.step == 1;
  const bool as_it_is = by_lines == (which == Which::left);
  const auto fill = by_lines ? lines_side_by_side<Number> : steps_side_by_side<Number>;
  const int64_t panels = (lines + SIDE - 1) / SIDE, steps = steps_of(depth);
  __mmask16 odd = 0;
  for (int64_t n = 0; n < panels * steps; ++n) {
    const int64_t panel = by_lines ? n / steps : n % panels;
    const int64_t step = by_lines ? n % steps : n / panels;
    const int64_t i = panel * SIDE, k = step * DEPTH;
    Half* here = to + (panel * steps + step) * PARTS * TILE;
    fill(from.at(i, k), lines - i, depth - k, as_it_is ? here : turned, &odd);
    for (int64_t part = 0; !as_it_is && part < PARTS; ++part)
      turn(turned + part * TILE, here + part * TILE);
  }
  return odd == 0;
}

// ---------------------------------------------------------------- multiplying

// What the instruction that shapes the tiles reads: all of them are 16 rows of 64 bytes.
struct alignas(64) Shapes {
  uint8_t palette = 1, start = 0, unused[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE};
};
constexpr Shapes SHAPES;

// Registers: sums in 0 to 3, the left side in 4 and 5, the right one in 6 and 7.
template <bool SECOND>
TILES inline void take_left(const Half* at, int64_t panel) {
  _tile_loadd(4, at, 64);
  if (SECOND) _tile_loadd(5, at + panel, 64);
}

template <bool SECOND>
TILES inline void take_right(const Half* at, int64_t panel) {
  _tile_loadd(6, at, 64);
  if (SECOND) _tile_loadd(7, at + panel, 64);
}

template <bool DOWN, bool ACROSS>
TILES inline void add() {
  _tile_dpbf16ps(0, 4, 6);
  if (ACROSS) _tile_dpbf16ps(1, 4, 7);
  if (DOWN) _tile_dpbf16ps(2, 5, 6);
  if (DOWN && ACROSS) _tile_dpbf16ps(3, 5, 7);
}

// One step. What is small comes first; each turn but one changes one side only.
template <bool DOWN, bool ACROSS, int64_t PARTS>
TILES inline void add_step(const Half* left, const Half* right, int64_t panel) {
  constexpr int64_t high = 0, middle = TILE, low = 2 * TILE;
  take_left<DOWN>(left + high, panel);
  if (PARTS == 3) {
    take_right<ACROSS>(right + low, panel);
    add<DOWN, ACROSS>();
    take_right<ACROSS>(right + middle, panel);
    add<DOWN, ACROSS>();
    take_left<DOWN>(left + middle, panel);
    add<DOWN, ACROSS>();
    take_right<ACROSS>(right + high, panel);
    add<DOWN, ACROSS>();
    take_left<DOWN>(left + low, panel);
    add<DOWN, ACROSS>();
    take_left<DOWN>(left + high, panel);
  } else {
    take_right<ACROSS>(right + high, panel);
  }
  add<DOWN, ACROSS>();
}

template <bool DOWN, bool ACROSS, int64_t PARTS>
TILES void sum_up(const Half* left, const Half* right, int64_t steps, const Block& c, bool more) {
  const int64_t panel = steps * PARTS * TILE;
  const auto at = [&](int64_t i, int64_t j) { return c.start + (i * c.row + j) * SIDE; };
  if (more) {
    _tile_loadd(0, at(0, 0), c.row * 4);
    if (ACROSS) _tile_loadd(1, at(0, 1), c.row * 4);
    if (DOWN) _tile_loadd(2, at(1, 0), c.row * 4);
    if (DOWN && ACROSS) _tile_loadd(3, at(1, 1), c.row * 4);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < steps; ++k) {
    add_step<DOWN, ACROSS, PARTS>(left, right, panel);
    left += PARTS * TILE;
    right += PARTS * TILE;
  }
  _tile_stored(0, at(0, 0), c.row * 4);
  if (ACROSS) _tile_stored(1, at(0, 1), c.row * 4);
  if (DOWN) _tile_stored(2, at(1, 0), c.row * 4);
  if (DOWN && ACROSS) _tile_stored(3, at(1, 1), c.row * 4);
}

using Sum = void (*)(const Half*, const Half*, int64_t, const Block&, bool);

// For one panel or two of the left side, of the right side.
template <int64_t PARTS>
constexpr Sum SUMS[2][2] = {{sum_up<false, false, PARTS>, sum_up<false, true, PARTS>},
                            {sum_up<true, false, PARTS>, sum_up<true, true, PARTS>}};

VECTORS void round_row(const float* from, int64_t count, Half* to) {
  for (int64_t j = 0; j < count; j += SIDE) {
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + j));
    _mm256_mask_storeu_epi16(to + j, first(count - j), (__m256i)rounded);
  }
}

TILES void load_shapes() { _tile_loadconfig(&SHAPES); }
TILES void release() { _tile_release(); }

bool allowed() {
  constexpr int ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
}

}  // namespace

bool usable() {
  static const bool found = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_amx) ==
                                dnnl_cpu_isa_avx512_core_amx &&
                            allowed();
  return found;
}

bool pack(Which which, const Factor& from, int64_t lines, int64_t depth, Half* to) {
  return packed(which, from, lines, depth, to);
}

bool pack(Which which, const FactorOf<Half>& from, int64_t lines, int64_t depth, Half* to) {
  return packed(which, from, lines, depth, to);
}

Tiles::Tiles() { load_shapes(); }

Tiles::~Tiles() { release(); }

void multiply(const Half* left, const Half* right, int64_t depth, const Block& c, int64_t rows,
              int64_t columns, bool more) {
  const Sum sum = SUMS<PARTS<float>>[rows > SIDE][columns > SIDE];
  if (rows % SIDE == 0 && columns % SIDE == 0) {
    sum(left, right, steps_of(depth), c, more);
    return;
  }
  alignas(64) float whole[4 * SIDE * SIDE];
  sum(left, right, steps_of(depth), {whole, 2 * SIDE}, false);
  for (int64_t i = 0; i < rows; ++i) {
    float* to = c.start + i * c.row;
    const float* from = whole + i * 2 * SIDE;
    for (int64_t j = 0; j < columns; ++j) to[j] = more ? to[j] + from[j] : from[j];
  }
}

void multiply(const Half* left, const Half* right, int64_t depth, const BlockOf<Half>& c,
              int64_t rows, int64_t columns) {
  alignas(64) float whole[4 * SIDE * SIDE];
  SUMS<PARTS<Half>>[rows > SIDE][columns > SIDE](left, right, steps_of(depth), {whole, 2 * SIDE},
                                                 false);
  for (int64_t i = 0; i < rows; ++i) round_row(whole + i * 2 * SIDE, columns, c.start + i * c.row);
}

}  // namespace cornu::amx

#else

namespace cornu::amx {

bool usable() { return false; }
bool pack(Which, const Factor&, int64_t, int64_t, Half*) { return false; }
bool pack(Which, const FactorOf<Half>&, int64_t, int64_t, Half*) { return false; }
Tiles::Tiles() {}
Tiles::~Tiles() {}
void multiply(const Half*, const Half*, int64_t, const Block&, int64_t, int64_t, bool) {}
void multiply(const Half*, const Half*, int64_t, const BlockOf<Half>&, int64_t, int64_t) {}

}  // namespace cornu::amx

#endif
