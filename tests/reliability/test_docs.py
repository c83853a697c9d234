"""docs/reliability.md says what there is: each test that it names is there, for each recipe."""

import re

from reliability.runs import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_the_page_names_tests_that_are_there():
    for path, _, name in re.findall(r"`(tests/[\w/]+\.py)(::(\w+))?`", PAGE):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, (path, name)


def test_every_recipe_has_a_row_with_a_test():
    rows = re.findall(r"^\| (R\d+) \|.*`tests/.*\|$", PAGE, re.MULTILINE)
    assert rows == [f"R{number}" for number in range(1, 20)]
