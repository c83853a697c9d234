"""Texts that are no JSON or YAML of a model, or cost more than they are worth."""

import json
from collections.abc import Iterator
from typing import Any

from attacks.kit import Attack


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (rules, text) in TEXTS.items():
        yield Attack(f"json: {name}", rules, "text", lambda kit, folder, t=text: t)
    for name, (rules, text) in YAMLS.items():
        yield Attack(f"yaml: {name}", rules, "yaml", lambda kit, folder, t=text: t)


TEXTS: dict[str, tuple[str, Any]] = {
    "deep": ("K4 L8", "[" * 200_000),
    "deep objects": ("K4 L8", '{"a":' * 1000 + "1" + "}" * 1000),
    "deep within the bounds": ("K4 L8", '{"class_name":' * 250 + "1" + "}" * 250),
    "a key twice": ("L8", '{"class_name": "Dense", "class_name": "Model"}'),
    "a long number": ("L8", '{"a": ' + "9" * 100_000 + "}"),
    "2**70": ("L8", '{"class_name": "Dense", "config": {"units": 1180591620717411303424}}'),
    "1e999": ("L8", '{"class_name": "Dense", "config": {"units": 1e999}}'),
    "NaN": ("L8", '{"class_name": "Dense", "config": {"units": NaN}}'),
    "-0": ("L8", '{"class_name": "Dense", "config": {"units": -0}}'),
    "a large number": ("L8", '{"a": 9223372036854775808}'),
    "a long string": ("L8", json.dumps({"a": "x" * (1 << 21)})),
    "an open string": ("L8", '"' + '\\"' * 500_000),
    "many items": ("L8", "[" + "1," * 2_100_000 + "1]"),
    "many objects": (
        "L8",
        '{"class_name":"Model","config":{"layers":[' + "{}," * 600_000 + "{}]}}",
    ),
    "a list": ("S24", "[1]"),
    "a number": ("S24", "1"),
    "nothing": ("L9", ""),
    "half": ("L9", '{"a": '),
    "two": ("L9", "{} {}"),
    "a script": ("L2", "__import__('os').system('touch CANARY_PWNED')"),
    "half a pair": ("L8", '{"class_name": "\\ud800", "config": {}}'),
    "UTF-16": ("L8", b"\xff\xfe{\x00}\x00"),
    "UTF-16 without a mark": ("L8", "{}".encode("utf-16-le")),
    "a mark": ("L8", b"\xef\xbb\xbf{}"),
    "half letters": ("L8", b'{"a": "\xc3"}'),
    "zeros behind": ("L8", b"{}" + bytes(10)),
}
YAMLS: dict[str, tuple[str, str]] = {
    "an object of Python": ("S27 L2", "!!python/object/apply:os.system ['touch CANARY_PWNED']"),
    "a name of Python": ("S27 L2", "a: !!python/name:os.system"),
    "a million laughs": (
        "L5",
        "\n".join(
            [
                "a0: &a0 [x]",
                *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)),
            ]
        ),
    ),
    "a circle": ("L5", "a: &a [*a]"),
    "a merge": ("L5", "a: &a {b: 1}\nc:\n  <<: *a"),
    "deep": ("K4 L8", "[" * 20_000),
    "a tag": ("L2", "!evil {a: 1}"),
    "a date": ("L8", "class_name: 2001-01-01"),
    "bytes": ("L8", "class_name: !!binary aGVsbG8="),
    "a set": ("L8", "class_name: !!set {a, b}"),
    "two documents": ("L8", "a: 1\n---\nb: 2"),
}
