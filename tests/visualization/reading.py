"""Reads a drawing back: where boxes are, and which box each arrow leads from and to."""

import re
import xml.etree.ElementTree as ET


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text or "")]


class Read:
    """Boxes and frames by name as (left, top, right, bottom), and arrows as names."""

    def __init__(self, text):
        self.root = ET.fromstring(text)
        self.boxes, self.frames, self.lines, self.tips, self.texts = {}, {}, [], [], []
        self._walk(self.root, 0.0, 0.0)

    def _walk(self, element, x, y):
        dx, dy = numbers(element.get("transform")) or (0.0, 0.0)
        x, y = x + dx, y + dy
        kinds = {"card": self.boxes, "frame": self.frames}
        for child in element:
            if child.get("display") == "none":
                continue
            kind = child.get("class")
            if kind in kinds:
                w, h = float(child.get("width")), float(child.get("height"))
                texts = [t.text for t in element if t.tag.split("}")[-1] == "text"]
                kinds[kind][texts[1]] = (x, y, x + w, y + h)
                self.texts.append(texts)
            elif kind == "way":
                points = numbers(child.get("d"))
                pairs = zip(points[::2], points[1::2], strict=True)
                self.lines.append([(a + x, b + y) for a, b in pairs])
            elif kind == "tip":
                a, b, *_ = numbers(child.get("d"))
                self.tips.append((a + x, b + y))
            self._walk(child, x, y)

    def at(self, point, among):
        """The names of boxes whose edge a point is on."""
        px, py = point
        return {
            name
            for name, (left, top, right, bottom) in among.items()
            if left - 0.2 <= px <= right + 0.2 and top - 0.2 <= py <= bottom + 0.2
            and min(abs(px - left), abs(px - right), abs(py - top), abs(py - bottom)) < 0.2
        }  # fmt: skip

    def arrows(self):
        """(from, to) of the arrows that lead down or right from box to box."""
        every = {**self.boxes, **self.frames}
        pairs = set()
        for line in self.lines:
            begin, end = self.at(line[0], every), self.at(self._tip(line[-1]), every)
            pairs |= {(a, b) for a in begin for b in end}
        return pairs

    def _tip(self, end):
        near = min(self.tips, key=lambda tip: abs(tip[0] - end[0]) + abs(tip[1] - end[1]))
        return near if abs(near[0] - end[0]) + abs(near[1] - end[1]) < 8 else end
