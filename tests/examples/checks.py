"""What scripts of `examples/generations` print, held to bounds that are the same in all of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "generations"
GENERATIONS = {"keras0": "0.3", "keras1": "1.2", "keras2": "2.2", "keras3": "3"}
TASKS = (
    *("mlp", "cnn", "lstm_text", "siamese", "vae", "gan"),
    *("style_transfer", "stateful_lstm", "seq2seq", "custom_layer"),
)
SPELLINGS = r"is an old spelling\. Today: |did what cornu\.\S+ does today, of which today's"
"""What scripts of old are warned of."""

FROZEN = r"layers changed trainable since compile: dense\w*, dense\w*\."
ALSO = {("keras2", "gan"): FROZEN}
"""What Keras of that time warned of too."""


def figures(printed):
    """Numbers by what stands before them in "what: number" and "what: number -> number"."""
    found = {}
    for what, first, last in re.findall(
        r"^(.+): (-?\d+\.\d+)(?: -> (-?\d+\.\d+))?$", printed, flags=re.M
    ):
        found[what] = (float(first), float(last)) if last else float(first)
    return found


def fell(pair, factor):
    first, last = pair
    return 0 < last < factor * first


def letters_make_words(printed):
    """Of the text written last, four out of five runs of four letters are in the text learned."""
    learned = "the horn is blown at dawn, and the herd goes home. " * 2
    written = re.findall(r"^written: (.{36})$", printed, flags=re.M)
    fours = [written[-1][i : i + 4] for i in range(33)] if len(written) == 3 else []
    return bool(fours) and sum(four in learned for four in fours) >= 0.8 * len(fours)


def reversed_words(printed):
    words = re.findall(r"^(\w{3}) -> (\w{3})$", printed, flags=re.M)
    return len(words) >= 3 and sum(a == b[::-1] for a, b in words[-3:]) >= 2


CHECKS = {
    "mlp": (
        lambda n, said: fell(n["loss"], 0.5),
        lambda n, said: n["test accuracy"] > 0.93,
        lambda n, said: abs(n["classes right"] - n["test accuracy"]) < 0.002,
        lambda n, said: 0 < n["test score"] < 0.25,
    ),
    "cnn": (
        lambda n, said: fell(n["loss"], 0.3),
        lambda n, said: n["test accuracy"] > 0.9,
        lambda n, said: n["validation accuracy"] > 0.9,
    ),
    "lstm_text": (
        lambda n, said: fell(n["loss"], 0.3),
        lambda n, said: n["next letter right"] > 0.9,
        lambda n, said: letters_make_words(said),
    ),
    "siamese": (
        lambda n, said: fell(n["loss"], 0.4),
        lambda n, said: n["test accuracy"] > 0.95,
        lambda n, said: n["gap of those together"] < 0.3 < 0.8 < n["gap of those apart"],
    ),
    "vae": (
        lambda n, said: fell(n["loss"], 0.7),
        lambda n, said: "codes: (640, 2)" in said,
        lambda n, said: n["error"] < 0.6 * n["error of the mean picture"],
    ),
    "gan": (lambda n, said: fell(n["off the centre"], 0.35),),
    "style_transfer": (
        lambda n, said: fell(n["loss"], 0.4),
        lambda n, said: re.search(r"^picture: \(1, (3, 12, 12|12, 12, 3)\)$", said, re.M),
    ),
    "stateful_lstm": (
        lambda n, said: fell(n["loss"], 0.1),
        lambda n, said: n["mean error"] < 0.05,
        lambda n, said: "the state is kept: True" in said,
        lambda n, said: re.search(r"^the same after reset_states?\(\): True$", said, re.M),
    ),
    "seq2seq": (
        lambda n, said: fell(n["loss"], 0.3),
        lambda n, said: n["test accuracy"] > 0.9,
        lambda n, said: reversed_words(said),
    ),
    "custom_layer": (
        lambda n, said: fell(n["loss"], 0.75),
        lambda n, said: n["test accuracy"] > 0.88,
        lambda n, said: "the copy agrees: True" in said,
    ),
}
MORE = {
    ("keras1", "custom_layer"): (lambda n, said: "['rbf_centers', 'rbf_widths']" in said,),
    ("keras2", "gan"): (
        lambda n, said: "the judge is frozen while the maker learns: True" in said,
    ),
    ("keras2", "stateful_lstm"): (
        lambda n, said: n["mean error without a memory"] > 1.5 * n["mean error"],
    ),
    ("keras3", "custom_layer"): (lambda n, said: "rbf/centers', '" in said,),
    ("keras3", "stateful_lstm"): (
        lambda n, said: n["mean error without a memory"] > 1.5 * n["mean error"],
    ),
}
"""What scripts of one generation print besides."""


def wrong(generation, task, status, printed, told, warned):
    """What is wrong with what a script did, one line each."""
    expected = SPELLINGS + "|" + ALSO.get((generation, task), SPELLINGS)
    found = [f"warned: {one}" for one in warned if not re.search(expected, one)]
    if generation == "keras3":
        found = [f"warned: {one}" for one in warned]
    if status != 0 or told:
        return [*found, f"exit status {status}: {told}"]
    numbers = figures(printed)
    for i, check in enumerate((*CHECKS[task], *MORE.get((generation, task), ()))):
        if not check(numbers, printed):
            found.append(f"check {i} failed on: {printed}")
    return [f"{generation}/{task}: {line}" for line in found]
