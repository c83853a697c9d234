"""Primitives with a kernel for their value and one for the way back, and derivatives of any order.

Such a function is three primitives: its value; `along`, which carries slopes forward; and `back`,
its transpose. The last two are linear in what they carry. On a CPU value and `back` are lowered to
kernels; `along`, derivatives by what the slopes are slopes of, `vmap` and all other platforms are
left to XLA, by the plain form.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.interpreters import ad, batching

from cornu.engine.native import Primitive
from cornu.engine.native.convolution import lowered


class Form(NamedTuple):
    """What a function is.

    plain: `plain(*operands, **said)`, made of JAX. slopes: how many operands, the first ones, have
    slopes by kernels; the others are constants most of the time, and where they are not, all is
    plain. like: the abstract result of abstract operands.
    """

    plain: Callable
    slopes: int
    like: Callable

    def of(self, operands: Any, said: dict) -> Callable:
        """The plain form as a function of what has slopes."""
        return lambda *first: self.plain(*first, *operands[self.slopes :], **said)

    def along(self, *given: Any, **said: Any) -> Any:
        """The slope of the result. given: operands, and slopes of those that have one."""
        count = len(given) - self.slopes
        operands, by = given[:count], given[count:]
        return jax.jvp(self.of(operands, said), operands[: self.slopes], by)[1]

    def back(self, *given: Any, **said: Any) -> list:
        """The slopes of those that have one. given: operands, and the slope of the result."""
        *operands, dy = given
        return list(jax.vjp(self.of(operands, said), *operands[: self.slopes])[1](dy))


def is_zero(slope: Any) -> bool:
    """Whether a slope is known to be zero."""
    return type(slope) is ad.Zero


def nothing(like: Any) -> ad.Zero:
    """The slope of what does not change."""
    return ad.Zero(jax.typeof(like).to_tangent_aval())


def whole(slopes: Any) -> list:
    """Slopes as arrays, known zeros too."""
    return [ad.instantiate_zeros(slope) for slope in slopes]


def primitive(name: str, form: Form, value_kernel: Callable, back_kernel: Callable) -> Primitive:
    """The function's primitive; kernels are called as `form.plain` and `form.back` are."""
    value, along, back = (Primitive(f"{name}{way}") for way in ("", "_along", "_back"))
    back.multiple_results = True
    lowered(value, form.plain, value_kernel)
    lowered(along, form.along, form.along)
    lowered(back, form.back, back_kernel, several=True)
    value.def_abstract_eval(lambda *operands, **said: form.like(*operands))
    along.def_abstract_eval(lambda *given, **said: form.like(*given[: len(given) - form.slopes]))
    back.def_abstract_eval(
        lambda *given, **said: [a.update(weak_type=False) for a in given[: form.slopes]]
    )

    def slope(operands: tuple, tangents: tuple, **said: Any) -> tuple:
        by, others = tangents[: form.slopes], tangents[form.slopes :]
        if not all(map(is_zero, others)):
            return jax.jvp(functools.partial(form.plain, **said), operands, tuple(whole(tangents)))
        y = value.bind(*operands, **said)
        carried = nothing(y) if all(map(is_zero, by)) else _bound(along, operands, by, said)
        return y, carried

    def along_transposed(dy: Any, *given: Any, **said: Any) -> list:
        count = len(given) - form.slopes
        wanted = [ad.is_undefined_primal(each) for each in given[count:]]
        if is_zero(dy):
            found = [ad.Zero(each.aval) if w else None for each, w in _both(given[count:], wanted)]
        else:
            slopes = back.bind(*given[:count], dy, **said)
            found = [each if w else None for each, w in _both(slopes, wanted)]
        return [None] * count + found

    def back_transposed(by: list, *given: Any, **said: Any) -> list:
        *operands, _ = given
        return [None] * len(operands) + [_bound(along, operands, by, said)]

    ad.primitive_jvps[value] = slope
    ad.primitive_jvps[along] = _linear(along, form.along, form.slopes)
    ad.primitive_jvps[back] = _linear(back, form.back, 1)
    ad.primitive_transposes[along] = along_transposed
    ad.primitive_transposes[back] = back_transposed
    for made, plain in ((value, form.plain), (along, form.along), (back, form.back)):
        batching.primitive_batchers[made] = mapped(made, plain)
    return value


def _both(a: Any, b: Any) -> Any:
    return zip(a, b, strict=True)


def _bound(made: Primitive, operands: Any, slopes: Any, said: dict) -> Any:
    return made.bind(*operands, *whole(slopes), **said)


def _linear(made: Primitive, plain: Callable, carried: int) -> Callable:
    """The derivative of what is linear in its last `carried` operands."""

    def rule(given: tuple, tangents: tuple, **said: Any) -> tuple:
        found = made.bind(*given, **said)
        count, parts = len(given) - carried, []
        if not all(map(is_zero, tangents[count:])):
            parts.append(_bound(made, given[:count], tangents[count:], said))
        if not all(map(is_zero, tangents[:count])):
            of = functools.partial(_first, plain, given[count:], said)
            parts.append(jax.jvp(of, given[:count], tuple(whole(tangents[:count])))[1])
        if not parts:
            return found, jax.tree.map(nothing, found)
        return found, jax.tree.map(lambda *each: sum(each[1:], each[0]), *map(_alike(found), parts))

    return rule


def _first(plain: Callable, rest: tuple, said: dict, *given: Any) -> Any:
    return plain(*given, *rest, **said)


def _alike(found: Any) -> Callable:
    """Results of several arrays in one kind of sequence."""
    return type(found) if isinstance(found, (list, tuple)) else lambda x: x


def mapped(made: Primitive, plain: Callable) -> Callable:
    """What `vmap` does with a primitive: its plain form, mapped."""

    def rule(arrays: tuple, axes: tuple, **said: Any) -> tuple:
        found = jax.vmap(functools.partial(plain, **said), axes)(*arrays)
        return found, [0] * len(found) if made.multiple_results else 0

    return rule
