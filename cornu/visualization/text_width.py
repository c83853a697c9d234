"""How wide text is, by a table: nothing here asks a font or a screen.

The widths are those of DejaVu Sans, the widest of the faces that "sans-serif" usually stands for:
text in Helvetica, Arial, Roboto or Segoe has some room, and text in DejaVu fits.
"""

import unicodedata

PLAIN = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
)  # fmt: skip
BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696,
    696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683,
    683, 821, 837, 372, 372, 775, 637, 995, 837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771,
    724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716, 678, 435, 716, 712, 343, 343, 665,
    343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712, 365, 712, 838,
)  # fmt: skip
"""Of the characters from " " to "~", in thousandths of the font's size."""

OTHER, WIDE = 700, 1000


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in a font of `size`, in the unit of `size`."""
    table = BOLD if bold else PLAIN
    return sum(_width(character, table) for character in text) * size / 1000


def _width(character: str, table: tuple[int, ...]) -> int:
    code = ord(character) - 32
    if 0 <= code < len(table):
        return table[code]
    if unicodedata.combining(character):
        return 0
    return WIDE if unicodedata.east_asian_width(character) in "WF" else OTHER


def clipped(text: str, size: float, most: float, bold: bool = False) -> str:
    """The text, its end cut off where it is wider than `most`."""
    if text_width(text, size, bold) <= most:
        return text
    table, room, kept = BOLD if bold else PLAIN, most * 1000 / size - 1000, 0
    for character in text:
        room -= _width(character, table)
        if room < 0:
            break
        kept += 1
    return f"{text[:kept].rstrip()}…"
