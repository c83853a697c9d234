"""The frame of a report: elements that escape what they quote, the style, and the script.

A page is well-formed XML too, asks the network for nothing (its policy forbids that), and reads
well without its script, in light and in dark, and on paper.
"""

import base64
import hashlib
import html
from typing import Any

from cornu.errors import printable


class Html(str):
    """Text that is markup already."""


def el(name: str, /, *inside: Any, **attributes: Any) -> Html:
    """An element. Text inside and attributes are escaped; `class_` is written "class".

    Attributes that are None are left out, and so are children that are None.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_plain(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    text = join(*inside)
    return Html(f"<{name}{told}/>" if name in EMPTY else f"<{name}{told}>{text}</{name}>")


EMPTY = ("meta", "input", "circle", "line", "path", "rect")
"""Elements that have nothing inside: HTML knows no others that end where they begin."""


def join(*parts: Any) -> Html:
    """Parts one after another; what is no markup is escaped."""
    known = (part for part in parts if part is not None)
    return Html("".join(part if isinstance(part, Html) else _plain(part) for part in known))


def _plain(value: Any) -> str:
    return html.escape(printable(str(value)))


def page(title: str, *body: Html, style: str = "", script: str = "") -> str:
    """A whole page, with the report's style and script unless others are given."""
    style, script = style or STYLE, script or SCRIPT
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_digest(script)}'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=allowed),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html(style)),
    )
    whole = el("html", head, el("body", el("main", *body), el("script", Html(script))), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


STYLE = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5b6776; --line: #e3e7ec;
  --grid: #edf0f3; --one: #2563c9; --two: #d9730d; --box: #f8fafc; --edge: #c6ced8;
  --shadow: 0 1px 2px rgba(20, 30, 45, .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #191f27; --ink: #e6eaf0; --soft: #97a3b2; --line: #29313c;
    --grid: #232a34; --one: #6aa5ff; --two: #ffab5c; --box: #202731; --edge: #465161;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px; }
h1, h2, h3, dd, .tile { overflow-wrap: anywhere; }
td { overflow-wrap: break-word; max-width: 420px; }
.at, td.s { white-space: nowrap; }
h2 { font-size: 17px; letter-spacing: -.005em; margin: 40px 0 12px; }
h3 { font-size: 15px; margin: 0; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
p { margin: 0; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px;
  box-shadow: var(--shadow); min-width: 0;
}
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px;
  margin-top: 26px; }
.tile b { display: block; font-size: 25px; line-height: 1.25; letter-spacing: -.02em;
  font-weight: 600; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr));
  gap: 14px; }
.half { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr));
  gap: 14px; align-items: start; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, max-content); gap: 14px;
  align-items: start; }
@media (max-width: 860px) { .pair { grid-template-columns: minmax(0, 1fr); } }
.top { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; }
.key { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 2px 0 8px; font-size: 13px;
  color: var(--soft); }
.key i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 7px;
  vertical-align: middle; background: var(--one); }
.key .two i { background: var(--two); }
.key b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums;
  margin-left: 4px; }
svg { display: block; max-width: 100%; }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif;
  fill: var(--soft); }
.chart { width: 100%; height: auto; touch-action: pan-y; outline-offset: 4px; }
.chart .grid { stroke: var(--grid); }
.chart .base { stroke: var(--edge); }
.chart path { fill: none; stroke: var(--one); stroke-width: 2; stroke-linejoin: round;
  stroke-linecap: round; }
.chart .two path { stroke: var(--two); }
.chart circle { fill: var(--one); stroke: var(--card); stroke-width: 2; }
.chart .two circle { fill: var(--two); }
.chart .best { stroke: var(--soft); stroke-dasharray: 3 4; }
.chart .hair { stroke: var(--ink); opacity: .35; }
.chart .ring { fill: var(--card); stroke: var(--one); }
.chart .two .ring { stroke: var(--two); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px;
  font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: 12.5px; color: var(--soft); }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; }
tr.best td { font-weight: 600; }
.scroll { overflow: auto; max-height: 760px; }
.beside { display: flex; flex-wrap: wrap; gap: 24px 56px; align-items: flex-start; }
.beside .scroll { flex: 0 1 auto; max-width: 100%; }
.beside table.plain { width: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; margin: 0;
  font-size: 14px; }
dt { color: var(--soft); }
dd { margin: 0; font-variant-numeric: tabular-nums; }
details { margin-top: 14px; }
summary { cursor: pointer; color: var(--soft); font-size: 14px; padding: 2px 0; }
details .card { margin-top: 8px; }
.card.below { margin-top: 14px; }
.graph { margin: 0 auto; max-width: none; }
.graph text { white-space: pre; }
.graph .card { fill: var(--box); stroke: var(--edge); padding: 0; box-shadow: none; }
.graph .kind { font-size: 12.5px; font-weight: 600; }
.graph .kind, .graph .value { fill: var(--ink); }
.graph .way { fill: none; stroke: var(--soft); stroke-width: 1.4; opacity: .8; }
.graph .tip { fill: var(--soft); opacity: .8; }
.matrix { width: auto; margin: 0; font-size: 13px; }
.matrix th, .matrix td { border: 0; padding: 0 6px; text-align: center; height: 30px;
  min-width: 30px; vertical-align: middle; }
.matrix th.tall { vertical-align: bottom; padding: 0 0 6px; }
.matrix th.tall span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 130px;
  overflow: hidden; text-align: left; white-space: nowrap; }
.matrix thead td { vertical-align: bottom; padding-bottom: 6px; }
.matrix th.row { text-align: right; max-width: 160px; }
.matrix td { border: 1px solid var(--card); border-radius: 4px;
  background: color-mix(in srgb, var(--one) calc(var(--s) * 1%), var(--box)); }
.matrix td.full { color: var(--card); }
.matrix td.none { color: transparent; }
.matrix td.side { background: none; color: var(--soft); text-align: right; padding-left: 14px; }
.matrix.many td, .matrix.many th { height: 9px; min-width: 9px; width: 9px; padding: 0;
  font-size: 0; border-width: 0; }
footer { margin-top: 44px; color: var(--soft); font-size: 13px; }
@media (max-width: 560px) { main { padding: 24px 14px 40px; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 6px; } }
@media print { body { background: none; } .card { break-inside: avoid; box-shadow: none; }
  .scroll { max-height: none; } }
"""

SCRIPT = """
"use strict";
for (const card of document.querySelectorAll("[data-chart]")) {
  const data = JSON.parse(card.dataset.chart), svg = card.querySelector("svg");
  const hair = svg.querySelector(".hair"), spot = card.querySelector(".at");
  const before = [spot.textContent];
  const lines = data.lines.map((line, i) => {
    const told = card.querySelector('[data-line="' + i + '"] b');
    before.push(told.textContent);
    return {line: line, told: told, ring: svg.querySelector('[data-ring="' + i + '"]')};
  });
  let place = data.epochs.length - 1;
  const show = (at) => {
    place = Math.max(0, Math.min(data.epochs.length - 1, at));
    hair.setAttribute("x1", data.x[place]);
    hair.setAttribute("x2", data.x[place]);
    hair.removeAttribute("visibility");
    spot.textContent = "epoch " + data.epochs[place];
    for (const one of lines) {
      const y = one.line.y[place];
      one.told.textContent = one.line.text[place];
      if (y === null) { one.ring.setAttribute("visibility", "hidden"); continue; }
      one.ring.setAttribute("cx", data.x[place]);
      one.ring.setAttribute("cy", y);
      one.ring.removeAttribute("visibility");
    }
  };
  const leave = () => {
    hair.setAttribute("visibility", "hidden");
    spot.textContent = before[0];
    lines.forEach((one, i) => {
      one.told.textContent = before[i + 1];
      one.ring.setAttribute("visibility", "hidden");
    });
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * data.width;
    const far = data.x.map((each) => Math.abs(each - x));
    show(far.indexOf(Math.min(...far)));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step) { event.preventDefault(); show(place + step); }
  });
}
"""
