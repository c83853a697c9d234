// Logarithms of vectors; included after exponential.h, as that is.

// log(x) to 1e-7 of it, for x from 1e-37 up; of another x anything.
//
// x is m * 2^n with m from sqrt(1/2) to sqrt(2), and log(1 + z) a minimax polynomial there.
INLINE Vec log_above(Vec x) {
  const Ints bits = reinterpret_cast<Ints>(x);
  const Ints power = (bits - 0x3f3504f3) >> 23;
  Vec n = __builtin_convertvector(power, Vec);
  Vec z = reinterpret_cast<Vec>(bits - (power << 23)) - 1.0f;
  Vec q = z * -0.07634496529f + 0.1276157704f;
  q = q * z - 0.131601824f;
  q = q * z + 0.14201758f;
  q = q * z - 0.1662335734f;
  q = q * z + 0.2000122688f;
  q = q * z - 0.2500082103f;
  q = q * z + 0.3333333171f;
  return n * 0.693145752f + (n * 1.42860677e-6f + z * z * (q * z - 0.5f) + z);
}
