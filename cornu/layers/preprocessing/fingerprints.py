"""Hashes of text that never change: FarmHash Fingerprint64 and SipHash-2-4, for many texts at once.

Every formula is written once, over 64-bit words. On the host these are NumPy `uint64` arrays, one
text a row, texts of one length together. Inside a compiled model, where there may be no 64-bit
numbers, they are `Pair`s of `uint32` arrays; there the texts are the decimal digits of integers.

Sources: FarmHash (G. Pike, 2014), the variant that is promised not to change; SipHash (Aumasson,
Bernstein, 2012).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cornu import engine

WHOLE = 2**64 - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
CAT = 0xC6A4A7935BD1E995
CROSSING = 0xDECAFCAFFE
"""The word that a crossing begins with, the same as TensorFlow's."""

SIP = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
LONGEST = 11
"""Characters of the longest int32."""


# ---------------------------------------------------------------- words and texts


class Pair:
    """A 64-bit word as two uint32 arrays of the engine."""

    def __init__(self, high: Any, low: Any):
        self.high, self.low = high, low

    @classmethod
    def of(cls, value: Any, like: "Pair") -> "Pair":
        """A Python int as a word, or a word as it is."""
        if isinstance(value, Pair):
            return value
        parts = [np.uint32(part) for part in (value >> 32 & 0xFFFFFFFF, value & 0xFFFFFFFF)]
        return cls(*(engine.np.zeros_like(like.low) + part for part in parts))

    def __add__(self, other: Any) -> "Pair":
        other = Pair.of(other, self)
        low = self.low + other.low
        carry = engine.cast(low < other.low, "uint32")
        return Pair(self.high + other.high + carry, low)

    def __mul__(self, other: Any) -> "Pair":
        other = Pair.of(other, self)
        high = self.high * other.low + self.low * other.high
        return Pair(_upper_product(self.low, other.low) + high, self.low * other.low)

    def __xor__(self, other: Any) -> "Pair":
        other = Pair.of(other, self)
        return Pair(self.high ^ other.high, self.low ^ other.low)

    def __rshift__(self, n: int) -> "Pair":
        if n >= 32:
            return Pair(engine.np.zeros_like(self.high), self.high >> (n - 32))
        return Pair(self.high >> n, (self.low >> n) | (self.high << (32 - n)))

    def __lshift__(self, n: int) -> "Pair":
        if n >= 32:
            return Pair(self.low << (n - 32), engine.np.zeros_like(self.low))
        return Pair((self.high << n) | (self.low >> (32 - n)), self.low << n)

    def __mod__(self, n: int) -> Any:
        """The remainder as uint32; `n` < 2 ** 31. Some bits at a time, as many as leave room."""
        step = 32 - int(n).bit_length()
        rest = engine.np.zeros_like(self.low)
        for left in range(64, 0, -step):
            width = min(step, left)
            bits = (self >> (left - width)).low & np.uint32(2**width - 1)
            rest = ((rest << width) + bits) % np.uint32(n)
        return rest


def _upper_product(a: Any, b: Any) -> Any:
    """The upper 32 bits of a product of two uint32, by halves of 16 bits."""
    mask = np.uint32(0xFFFF)
    a_low, a_high, b_low, b_high = a & mask, a >> 16, b & mask, b >> 16
    first = a_high * b_low + (a_low * b_low >> 16)
    second = a_low * b_high + (first & mask)
    return a_high * b_high + (first >> 16) + (second >> 16)


class Rows:
    """Texts of one length on the host: a matrix of bytes, one text a row."""

    def __init__(self, data: np.ndarray):
        self.data, self.size = data, data.shape[1]

    def word(self, value: int) -> np.ndarray:
        """A constant for each text."""
        return np.full(len(self.data), value & WHOLE, "uint64")

    def byte(self, at: int) -> np.ndarray:
        """One byte of each text."""
        return self.data[:, at].astype("uint64")

    def fetch(self, at: int, count: int = 8) -> np.ndarray:
        """`count` (4 or 8) bytes of each text, the first the lowest."""
        cut = np.ascontiguousarray(self.data[:, at : at + count])
        return cut.view(f"<u{count}")[:, 0].astype("uint64")


class Columns:
    """Texts of one length within a compiled model: uint32 arrays, one for each byte."""

    def __init__(self, columns: Sequence[Any]):
        self.columns, self.size = columns, len(columns)

    def word(self, value: int) -> Pair:
        """A constant for each text."""
        zero = engine.np.zeros_like(self.columns[0])
        return Pair.of(value & WHOLE, Pair(zero, zero))

    def byte(self, at: int) -> Pair:
        """One byte of each text."""
        return Pair(engine.np.zeros_like(self.columns[at]), self.columns[at])

    def fetch(self, at: int, count: int = 8) -> Pair:
        """`count` (4 or 8) bytes of each text, the first the lowest."""
        low = self._four(at)
        return Pair(self._four(at + 4) if count == 8 else engine.np.zeros_like(low), low)

    def _four(self, at: int) -> Any:
        a, b, c, d = self.columns[at : at + 4]
        return a | b << 8 | c << 16 | d << 24


# ---------------------------------------------------------------- FarmHash


def _rotate(x: Any, n: int) -> Any:
    """To the right."""
    return (x >> n) ^ (x << (64 - n))


def _shift_mix(x: Any) -> Any:
    return x ^ (x >> 47)


def _mix(u: Any, v: Any, mul: Any) -> Any:
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def fingerprint(text: Any) -> Any:
    """FarmHash Fingerprint64 of `Rows` or `Columns`: a word for each text."""
    if text.size > 64:
        return _over_64(text)
    if text.size > 32:
        return _up_to_64(text)
    if text.size > 16:
        return _mix(*_two_ends(text), _multiplier(text))
    return _up_to_16(text)


def _multiplier(text: Any) -> int:
    return (K2 + 2 * text.size) & WHOLE


def _up_to_16(text: Any) -> Any:
    n, mul = text.size, _multiplier(text)
    if n >= 8:
        a, b = text.fetch(0) + K2, text.fetch(n - 8)
        return _mix(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)
    if n >= 4:
        return _mix((text.fetch(0, 4) << 3) + n, text.fetch(n - 4, 4), mul)
    if n == 0:
        return text.word(K2)
    y = text.byte(0) + (text.byte(n // 2) << 8)
    z = (text.byte(n - 1) << 2) + n
    return _shift_mix(y * K2 ^ z * K0) * K2


def _two_ends(text: Any, first: int = K1) -> tuple[Any, Any]:
    """What the first and last 16 bytes come to."""
    n = text.size
    a, b = text.fetch(0) * first, text.fetch(8)
    c, d = text.fetch(n - 8) * _multiplier(text), text.fetch(n - 16) * K2
    return _rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + K2, 18) + c


def _up_to_64(text: Any) -> Any:
    n, mul = text.size, _multiplier(text)
    y, other = _two_ends(text, K2)
    z = _mix(y, other, mul)
    e, f = text.fetch(16) * mul, text.fetch(24)
    g, h = (y + text.fetch(n - 32)) * mul, (z + text.fetch(n - 24)) * mul
    first = text.fetch(0) * K2
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + first, 18) + g, mul)


def _weak(text: Any, at: int, a: Any, b: Any) -> tuple[Any, Any]:
    """32 bytes and two seeds as two words."""
    w, x, y, z = (text.fetch(at + 8 * i) for i in range(4))
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a + x + y
    return c + z, b + _rotate(c, 44) + a


def _over_64(text: Any) -> Any:
    x, y = text.word(81 * K2) + text.fetch(0), text.word(81 * K1 + 113)
    z = _shift_mix(y * K2 + 113) * K2
    v, w = (text.word(0), text.word(0)), (text.word(0), text.word(0))
    last = (text.size - 1) // 64 * 64
    for at in range(0, last, 64):
        x, y, z, v, w = _block(text, at, K1, (1, 1), x, y, z, v, w)
    rest = (text.size - 1) % 64
    mul = ((z ^ (z >> 8 << 8)) << 1) + K1
    first = w[0] + rest
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _block(text, last + rest - 63, mul, (9, 9), x, y, z, v, w)
    left = _mix(v[0], w[0], mul) + _shift_mix(y) * K0 + z
    return _mix(left, _mix(v[1], w[1], mul) + x, mul)


def _block(
    text: Any, at: int, mul: Any, times: tuple[int, int], x: Any, y: Any, z: Any, v: Any, w: Any
) -> tuple:
    """Take in 64 bytes; `times` weighs what is carried over."""
    x = _rotate(x + y + v[0] + text.fetch(at + 8), 37) * mul
    y = _rotate(y + v[1] + text.fetch(at + 48), 42) * mul
    x = x ^ w[1] * times[0]
    y = y + v[0] * times[1] + text.fetch(at + 40)
    z = _rotate(z + w[0], 33) * mul
    v = _weak(text, at, v[1] * mul, x + w[0])
    w = _weak(text, at + 32, z + w[1], y + text.fetch(at + 16))
    return z, y, x, v, w


def joined(one: Any, other: Any) -> Any:
    """One fingerprint for two, as TensorFlow joins them for crossings."""
    result = one ^ CAT
    result = result ^ _shift_mix(other * CAT) * CAT
    return _shift_mix(_shift_mix(result * CAT) * CAT)


# ---------------------------------------------------------------- SipHash


def siphash(text: Any, key: tuple[int, int]) -> Any:
    """SipHash-2-4 of `Rows` or `Columns` under a key of two 64-bit numbers."""
    return _taken_in(_blocks(text), [text.word(word) for word in _begun(key)])


def _begun(key: tuple[int, int]) -> list[int]:
    return [k ^ s for k, s in zip((*key, *key), SIP, strict=True)]


def _blocks(text: Any) -> list:
    """A text as words: eight bytes each, the last with what is left and the text's size."""
    blocks = [text.fetch(at) for at in range(0, text.size - 7, 8)]
    last = text.word((text.size & 255) << 56)
    for i in range(text.size % 8):
        last = last ^ text.byte(text.size // 8 * 8 + i) << 8 * i
    return [*blocks, last]


def _taken_in(blocks: list, begun: list) -> Any:
    a, b, c, d = begun
    for block in blocks:
        a, b, c, d = _rounds(2, a, b, c, d ^ block)
        a = a ^ block
    a, b, c, d = _rounds(4, a, b, c ^ 255, d)
    return a ^ b ^ c ^ d


def _rounds(count: int, a: Any, b: Any, c: Any, d: Any) -> tuple:
    for _ in range(count):
        a, c = a + b, c + d
        b, d = _rotate(b, 64 - 13) ^ a, _rotate(d, 64 - 16) ^ c
        a, c = _rotate(a, 32) + d, c + b
        d, b = _rotate(d, 64 - 21) ^ a, _rotate(b, 64 - 17) ^ c
        c = _rotate(c, 32)
    return a, b, c, d


# ---------------------------------------------------------------- many texts


def _hash(key: tuple[int, int] | None) -> Callable[[Any], Any]:
    return fingerprint if key is None else lambda text: siphash(text, key)


def host_hashes(texts: Sequence[bytes], key: tuple[int, int] | None = None) -> np.ndarray:
    """uint64 hashes of byte strings: Fingerprint64, or SipHash where a key is given."""
    sizes = np.fromiter(map(len, texts), "int64", len(texts))
    found = np.empty(len(texts), "uint64")
    order = np.argsort(sizes, kind="stable")
    borders = np.flatnonzero(np.diff(sizes[order], prepend=-1, append=-1))
    for start, stop in zip(borders[:-1], borders[1:], strict=True):
        group = order[start:stop]
        size = int(sizes[group[0]])
        data = np.frombuffer(b"".join(texts[i] for i in group), "uint8")
        found[group] = _hash(key)(Rows(data.reshape(len(group), size)))
    return found


def device_buckets(x: Any, buckets: int, key: tuple[int, int] | None = None) -> Any:
    """Hashes of the decimal digits of int32 `x`, modulo `buckets`, on the engine: int32."""
    negative = x < 0
    size = engine.cast(engine.np.abs(x), "uint32")  # the lowest int32 wraps to its own magnitude
    powers = [np.uint32(10**k) for k in range(10)]
    digits = [size // power % np.uint32(10) + np.uint32(48) for power in powers]
    length = sum((engine.cast(size >= p, "int32") for p in powers[1:]), start=0) + 1
    length = length + engine.cast(negative, "int32")
    texts = []
    for n in range(1, LONGEST + 1):
        columns = [digits[n - 1 - i] if n - 1 - i < 10 else digits[9] for i in range(n)]
        columns[0] = engine.np.where(negative, np.uint32(45), columns[0])
        texts.append(Columns(columns))
    if key is None:
        hashed = _chosen(map(fingerprint, texts), length, 1)
    else:
        hashed = _siphash_of_either(texts, length, key)
    return engine.cast(hashed % buckets, "int32")


def _chosen(words: Iterable[Pair], length: Any, first: int) -> Pair:
    """Of words for lengths from `first` on, that of each text's length."""
    found, *rest = words
    for n, word in enumerate(rest, first + 1):
        high, low = (word.high, found.high), (word.low, found.low)
        found = Pair(*(engine.np.where(length == n, *pair) for pair in (high, low)))
    return found


def _siphash_of_either(texts: Sequence[Columns], length: Any, key: tuple[int, int]) -> Pair:
    """SipHash of texts of 1 to 11 bytes, which are one block or two: two hashes, not eleven."""
    begun = [texts[0].word(word) for word in _begun(key)]
    blocks = [_blocks(text) for text in texts]
    short = _chosen([only for (only,) in blocks[:7]], length, 1)
    first = _chosen([one for one, _ in blocks[7:]], length, 8)
    last = _chosen([other for _, other in blocks[7:]], length, 8)
    return _chosen([_taken_in([short], begun), _taken_in([first, last], begun)], length // 8, 0)


def device_word(x: Any) -> Pair:
    """int32 `x` as a 64-bit word in two's complement."""
    low = engine.cast(x, "uint32")
    return Pair(engine.np.where(x < 0, np.uint32(0xFFFFFFFF), np.uint32(0)), low)
