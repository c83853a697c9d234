"""A page of points to zoom, search and look into: what it is made of, and its script."""

import numpy as np

from cornu.visualization.model_page_style import STYLE as SHARED
from cornu.visualization.report_html import el, page
from cornu.visualization.told import data_block

MOST = 20_000
NEAREST = 10
ROWS = 512
"""Vectors whose neighbours are found at once."""

COLORS = ("#2563c9", "#d9730d", "#2e8b4f", "#b8326f", "#7a55d1", "#0b7ba8", "#c2410c", "#6b7f1e",
          "#8a5a3a", "#5b6776")  # fmt: skip


def embeddings_page(
    places: np.ndarray,
    vectors: np.ndarray,
    names: list[str] | None,
    labels: list[str] | None,
    known: list[str],
    title: str,
) -> str:
    """The page.

    Args:
        places: shape (n, 2).
        vectors: shape (n, features), of which the nearest by their angle are told.
        names, labels: one for each, or None.
        known: every label once.
        title: of the page.
    """
    number = {label: i for i, label in enumerate(known)}
    scale = float(np.abs(places - places.mean(axis=0)).max()) or 1.0
    at = (places - places.mean(axis=0)) / scale
    facts = {
        "x": np.round(at[:, 0], 5).tolist(),
        "y": np.round(at[:, 1], 5).tolist(),
        "names": names or [f"{i}" for i in range(len(at))],
        "labels": known,
        "label": [number[label] for label in labels] if labels else [],
        "near": nearest(vectors).tolist(),
        "colors": COLORS,
    }
    buttons = (("in", "+", "Zoom in (+)"), ("out", "−", "Zoom out (-)"), ("fit", "Fit", "Fit (0)"))
    tools = [el("button", sign, type="button", id=f"do-{name}", title=said)
             for name, sign, said in buttons]  # fmt: skip
    search = el("input", type="search", id="search", placeholder="Search (/)",
                aria_label="Search points by name", autocomplete="off")  # fmt: skip
    head = el(
        "header",
        el("h1", title),
        el("span", f"{len(at):,} points of {vectors.shape[1]:,} features", class_="soft"),
        el("div", search, el("div", id="found", hidden="hidden"), class_="search"),
        el("div", *tools, class_="tools"),
    )
    canvas = el("canvas", id="plot", tabindex="0", role="img",
                aria_label="points; the arrow keys lead from one to the next")  # fmt: skip
    key = el("div", id="key")
    tip = el("div", id="tip", hidden="hidden")
    panel = el("aside", id="panel", hidden="hidden", aria_label="the chosen point")
    body = (head, el("div", canvas, key, tip, id="stage"), panel, data_block("data", facts))
    return page(title, *body, style=SHARED + STYLE, script=SCRIPT)


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Numbers of the nearest others by the cosine of their angle, (n, at most NEAREST)."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    count = min(NEAREST, len(vectors) - 1)
    found = np.zeros((len(vectors), count), "int64")
    for begin in range(0, len(vectors) if count else 0, ROWS):
        close = unit[begin : begin + ROWS] @ unit.T
        rows = np.arange(len(close))
        close[rows, begin + rows] = -np.inf
        some = np.argpartition(-close, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(close, some, axis=1), axis=1, kind="stable")
        found[begin : begin + ROWS] = np.take_along_axis(some, order, axis=1)
    return found


STYLE = """
#plot { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; }
#key { position: absolute; left: 12px; top: 12px; max-height: 80%; overflow: auto; }
#key button { display: block; border: 0; background: none; padding: 1px 6px; min-height: 0; }
#key i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 7px; }
#key .off { opacity: .35; }
#tip { position: absolute; pointer-events: none; background: var(--card); padding: 2px 8px;
  border: 1px solid var(--edge); border-radius: 6px; max-width: 320px; overflow-wrap: anywhere; }
#panel .go { display: block; width: 100%; margin-right: 0; }
"""

SCRIPT = """//<![CDATA[
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const canvas = get("plot"), pen = canvas.getContext("2d"), tip = get("tip"), panel = get("panel");
const count = data.x.length, off = new Set();
let scale = 1, left = 0, top_ = 0, chosen = null, over = null;
const color = (i) => data.label.length ? data.colors[data.label[i] % data.colors.length]
  : data.colors[0];
const shown = (i) => !data.label.length || !off.has(data.label[i]);
const place = (i) => [left + data.x[i] * scale, top_ - data.y[i] * scale];

function draw() {
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  canvas.width = box.width * ratio;
  canvas.height = box.height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const ink = getComputedStyle(document.body).color;
  const size = count > 3000 ? 2.2 : count > 300 ? 3.2 : 5;
  const near = chosen === null ? [] : data.near[chosen];
  const names = count <= 60 || scale > 2200;
  pen.font = "11px system-ui, sans-serif";
  for (let i = 0; i < count; i += 1) {
    if (!shown(i)) continue;
    const [x, y] = place(i);
    if (x < -9 || y < -9 || x > box.width + 9 || y > box.height + 9) continue;
    pen.globalAlpha = chosen === null || i === chosen || near.includes(i) ? 0.85 : 0.3;
    pen.fillStyle = color(i);
    pen.beginPath();
    pen.arc(x, y, size, 0, 7);
    pen.fill();
    if (names || i === chosen || near.includes(i)) {
      pen.fillStyle = ink;
      pen.fillText(data.names[i].slice(0, 40), x + size + 3, y + 4);
    }
  }
  pen.globalAlpha = 1;
  for (const i of [over, chosen]) {
    if (i === null) continue;
    const [x, y] = place(i);
    pen.strokeStyle = ink;
    pen.lineWidth = i === chosen ? 2 : 1;
    pen.beginPath();
    pen.arc(x, y, size + 3, 0, 7);
    pen.stroke();
  }
}

function fit() {
  const box = canvas.getBoundingClientRect();
  scale = Math.min(box.width, box.height) * 0.45;
  left = box.width / 2;
  top_ = box.height / 2;
  draw();
}

function zoom(by, x, y) {
  const box = canvas.getBoundingClientRect();
  const px = x === undefined ? box.width / 2 : x - box.left;
  const py = y === undefined ? box.height / 2 : y - box.top;
  const to = Math.max(20, Math.min(2e6, scale * by));
  left = px - (px - left) * to / scale;
  top_ = py - (py - top_) * to / scale;
  scale = to;
  draw();
}

function at(event) {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left;
  const y = event.clientY - box.top;
  let best = null, far = 14 * 14;
  for (let i = 0; i < count; i += 1) {
    const [a, b] = place(i), d = (a - x) ** 2 + (b - y) ** 2;
    if (d < far && shown(i)) { far = d; best = i; }
  }
  return best;
}

function node(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function choose(i, bring) {
  chosen = i;
  panel.hidden = i === null;
  if (i !== null) {
    const close = node("button", "×", "shut-it");
    close.addEventListener("click", () => choose(null));
    panel.replaceChildren(close, node("h2", data.names[i]));
    if (data.label.length) panel.append(node("div", data.labels[data.label[i]], "soft"));
    panel.append(node("h3", "Nearest by angle"));
    for (const other of data.near[i]) {
      const button = node("button", data.names[other], "go");
      button.addEventListener("click", () => choose(other, true));
      panel.append(button);
    }
    const box = canvas.getBoundingClientRect(), [x, y] = place(i);
    const right = box.width < 640 ? box.width : box.width - 380;
    if (bring && (x < 0 || y < 0 || x > right || y > box.height)) {
      left += right / 2 - x;
      top_ += box.height / 2 - y;
    }
  }
  draw();
}

const pointers = new Map();
let dragged = 0;
canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  dragged = 0;
});
addEventListener("pointermove", (event) => {
  const last = pointers.get(event.pointerId);
  if (!last) {
    over = event.target === canvas ? at(event) : null;
    tip.hidden = over === null;
    if (over !== null) {
      const [x, y] = place(over);
      tip.textContent = data.names[over]
        + (data.label.length ? " · " + data.labels[data.label[over]] : "");
      tip.style.left = x + 12 + "px";
      tip.style.top = y + 8 + "px";
    }
    draw();
    return;
  }
  const now = [event.clientX, event.clientY], dx = now[0] - last[0], dy = now[1] - last[1];
  dragged += Math.abs(dx) + Math.abs(dy);
  if (pointers.size === 1) { left += dx; top_ += dy; draw(); }
  else {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const far = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    zoom(far(now) / Math.max(far(last), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }
  pointers.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"])
  addEventListener(name, (event) => pointers.delete(event.pointerId));
canvas.addEventListener("click", (event) => { if (dragged <= 4) choose(at(event)); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 30 : 1) * 0.0016), event.clientX, event.clientY);
}, {passive: false});

const search = get("search"), found = get("found");
function look() {
  const words = search.value.toLowerCase().trim();
  found.replaceChildren();
  found.hidden = !words;
  if (!words) return;
  const hits = [];
  for (let i = 0; i < count; i += 1)
    if (data.names[i].toLowerCase().includes(words)) hits.push(i);
  for (const i of hits.slice(0, 40)) {
    const button = node("button", data.names[i]);
    button.addEventListener("click", () => { found.hidden = true; choose(i, true); });
    found.append(button);
  }
  if (hits.length > 40) found.append(node("p", "and " + (hits.length - 40) + " more", "soft"));
  if (!hits.length) found.append(node("p", "No point has that in its name.", "soft"));
}
search.addEventListener("input", look);
search.addEventListener("focus", look);
search.parentElement.addEventListener("keydown", (event) => {
  const list = [...found.querySelectorAll("button")], place = list.indexOf(document.activeElement);
  if (event.key === "Enter" && place < 0 && list.length) list[0].click();
  else if (event.key === "ArrowDown" && list.length)
    list[Math.min(place + 1, list.length - 1)].focus();
  else if (event.key === "ArrowUp" && place >= 0) (place ? list[place - 1] : search).focus();
  else if (event.key === "Escape") { found.hidden = true; search.blur(); }
  else return;
  event.preventDefault();
  event.stopPropagation();
});

canvas.addEventListener("keydown", (event) => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  choose(chosen === null ? 0 : (chosen + step + count) % count, true);
});
addEventListener("keydown", (event) => {
  if (event.target.closest("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {"+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit,
    "/": () => search.focus(), Escape: () => choose(null)}[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
get("do-in").addEventListener("click", () => zoom(1.25));
get("do-out").addEventListener("click", () => zoom(0.8));
get("do-fit").addEventListener("click", fit);
data.labels.slice(0, 60).forEach((label, n) => {
  const button = node("button"), mark = node("i");
  mark.style.background = data.colors[n % data.colors.length];
  button.append(mark, label);
  button.title = "Show or hide";
  button.addEventListener("click", () => {
    if (off.has(n)) off.delete(n); else off.add(n);
    button.classList.toggle("off", off.has(n));
    draw();
  });
  get("key").append(button);
});
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
fit();
//]]>
"""
