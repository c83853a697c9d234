"""The script of a model's page: it opens models inside, moves the view, searches and tells.

It lays nothing out anew: where a model is opened, what stands beside or below it moves away, and
arrows are drawn by the rules of `scene.py`. Texts are set as texts only.
"""

GEOMETRY = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const S = data.sizes, levels = data.levels, items = data.items;
const turned = data.rankdir === "LR" || data.rankdir === "RL";
const svg = document.getElementById("graph"), view = document.getElementById("view");
const panel = document.getElementById("panel");
const opened = levels.map(() => false), shapes = levels.map(() => null);
const groups = [], boxes = [];
for (const g of svg.querySelectorAll("[data-level]")) groups[g.dataset.level] = g;
for (const g of svg.querySelectorAll("[data-item]")) boxes[g.dataset.item] = g;
const ways = groups.map((g) => [...g.querySelector(":scope > .arrows").children]);
const parentOf = levels.map(() => null);
levels.forEach((level) => level.inner.forEach((to, i) => {
  if (to !== null) parentOf[to] = level.first + i;
}));

function measure(k) {
  const level = levels[k], before = level.gates[0], base = level.places;
  const inner = base.map((p, i) => {
    const to = level.inner[i - before];
    return to === undefined || to === null || !opened[to] ? null : to;
  });
  const size = base.map((p, i) => {
    if (inner[i] === null) return [p[2], p[3]];
    const m = measure(inner[i]), head = level.heads[i - before];
    const w = turned ? S.head + m.width + S.pad : Math.max(m.width + 2 * S.pad, head);
    const h = turned ? Math.max(m.height, head) : S.head + m.height;
    return [Math.max(w, p[2]), Math.max(h, p[3])];
  });
  const grown = [];
  size.forEach(([w], i) => {
    const p = base[i];
    if (w > p[2]) grown.push([p[0] - 1, p[0] + p[2] + 1, (w - p[2]) / 2]);
  });
  const move = (x) => grown.reduce((to, [a, b, d]) => to + (x < a ? -d : x > b ? d : 0), x);
  const heights = level.ranks.map((r) => r[1]);
  size.forEach(([, h], i) => { heights[base[i][4]] = Math.max(heights[base[i][4]], h); });
  const tops = [];
  level.ranks.forEach(([top, height], r) => {
    const last = level.ranks[r - 1];
    tops.push(r ? tops[r - 1] + heights[r - 1] + top - last[0] - last[1] : top);
  });
  let middles = base.map((p) => move(p[0] + p[2] / 2));
  let low = Math.min(0, ...middles.map((x, i) => x - size[i][0] / 2));
  let high = Math.max(...middles.map((x, i) => x + size[i][0] / 2));
  for (const route of level.routes) for (const piece of route[3]) {
    const to = move(piece[2]);
    low = Math.min(low, to);
    high = Math.max(high, to);
  }
  const room = level.width - Math.max(...base.map((p) => p[0] + p[2]),
    ...level.routes.flatMap((r) => r[3].map((p) => p[2])));
  middles = middles.map((x) => x - low);
  const last = tops.length - 1;
  return shapes[k] = {
    inner, size, tops, heights, middles, low, move,
    width: high - low + Math.max(room, 0), height: tops[last] + heights[last],
    places: base.map((p, i) => [middles[i] - size[i][0] / 2,
      tops[p[4]] + (heights[p[4]] - size[i][1]) / 2, ...size[i]]),
  };
}

function port(k, i, x, gate, out) {
  const level = levels[k], shape = shapes[k], p = level.places[i], to = shape.inner[i];
  if (to !== null && gate !== null) {
    const inside = levels[to], m = shapes[to];
    const place = out ? inside.places.length - inside.gates[1] + gate : gate;
    if (gate < inside.gates[out ? 1 : 0]) {
      const begin = turned ? S.head : (shape.size[i][0] - m.width) / 2;
      return shape.middles[i] - shape.size[i][0] / 2 + begin + m.middles[place];
    }
  }
  return shape.middles[i] + x - p[0] - p[2] / 2;
}

function strokes(k) {
  const level = levels[k], shape = shapes[k];
  return level.routes.map((route, j) => {
    const [u, l, up, pieces] = route, arrow = level.arrows[j];
    const U = shape.places[u], L = shape.places[l];
    if (!pieces.length) {
      const x = U[0] + U[2], y = U[1] + U[3] / 2;
      return [[["M", [x, y + 9]], ["C", [x + 20, y + 13], [x + 20, y - 13], [x + S.tip, y - 9]]],
        head(x, y - 9, -1, 0)];
    }
    const gates = arrow === undefined || up ? [null, null] : [arrow[2], arrow[3]];
    const at = pieces.map((p, n) => [
      n ? shape.move(p[1]) - shape.low : port(k, u, p[1], gateOut(k, j, gates[0]), true),
      n < pieces.length - 1 ? shape.move(p[2]) - shape.low
        : port(k, l, p[2], arrow === undefined ? null : gates[1], false)]);
    let y = U[1] + U[3], down = L[1], tip = null;
    const x = at[0][0], to = at[at.length - 1][1];
    const leaves = l >= level.places.length - level.gates[1];
    if (up) { tip = head(x, y, 0, -1); y += S.tip - 1; }
    else if (!leaves) { tip = head(to, down, 0, 1); down -= S.tip - 1; }
    const line = [["M", [x, y]]];
    pieces.forEach((p, n) => {
      const top = Math.max(shape.tops[p[0]] + shape.heights[p[0]], y);
      sideways(line, at[n][0], at[n][1], top, Math.min(shape.tops[p[0] + 1], down), p[3]);
    });
    line.push(["L", [to, down]]);
    return [line, tip];
  });
}

function gateOut(k, j, gate) {
  const level = levels[k], extra = j - level.arrows.length - level.gates[0];
  return extra >= 0 ? level.outputs[extra] : gate;
}

function sideways(line, a, b, top, bottom, share) {
  line.push(["L", [a, top]]);
  if (Math.abs(a - b) <= 0.5) { line.push(["L", [b, bottom]]); return; }
  const y = top + (bottom - top) * share;
  const r = Math.min(S.round, Math.abs(a - b) / 2, y - top, bottom - y), side = b > a ? r : -r;
  line.push(["L", [a, y - r]], ["Q", [a, y], [a + side, y]], ["L", [b - side, y]],
    ["Q", [b, y], [b, y + r]], ["L", [b, bottom]]);
}

function head(x, y, dx, dy) {
  const u = x - dx * S.tip, v = y - dy * S.tip, a = dy * S.breadth, b = dx * S.breadth;
  return [[x, y], [u + a, v + b], [u - a, v - b]];
}

const number = (n) => n.toFixed(1).replace(/\\.0$/, "");

function draw(k) {
  const level = levels[k], shape = shapes[k], before = level.gates[0];
  const at = ([x, y]) => ({TB: [x, y], BT: [x, shape.height - y], LR: [y, x],
    RL: [shape.height - y, x]})[data.rankdir];
  const told = (point) => at(point).map(number).join(" ");
  strokes(k).forEach(([line, tip], j) => {
    const [way, end] = ways[k][j].children;
    way.setAttribute("d", line.map(([c, ...points]) => c + points.map(told).join(" ")).join(""));
    if (end) end.setAttribute("d", "M" + tip.map(told).join("L") + "Z");
  });
  level.inner.forEach((to, i) => {
    const [x, y, w, h] = shape.places[i + before], box = boxes[level.first + i];
    const a = at([x, y]), b = at([x + w, y + h]);
    const left = Math.min(a[0], b[0]), top = Math.min(a[1], b[1]);
    box.setAttribute("transform", "translate(" + number(left) + " " + number(top) + ")");
    if (to === null) return;
    const [shut, open] = box.children, is = opened[to];
    shut.setAttribute("display", is ? "none" : "inline");
    open.setAttribute("display", is ? "inline" : "none");
    box.setAttribute("aria-expanded", is);
    if (!is) return;
    const inside = shapes[to], width = turned ? h : w, height = turned ? w : h;
    const frame = open.querySelector(":scope > .frame");
    frame.setAttribute("width", width);
    frame.setAttribute("height", height);
    open.querySelector(":scope > .sign").setAttribute("transform",
      "translate(" + (width - 16) + " 15)");
    const own = turned ? inside.height : inside.width;
    open.querySelector(":scope > .within").setAttribute("transform",
      "translate(" + number((width - own) / 2) + " " + S.head + ")");
    draw(to);
  });
}
"""

VIEW = """
let scale = 1, left = 0, top_ = 0, chosen = null;

function place(soft) {
  view.classList.toggle("soft-move", Boolean(soft));
  view.setAttribute("transform", "");
  view.style.transform = "translate(" + left + "px," + top_ + "px) scale(" + scale + ")";
}

function whole() {
  const m = shapes[0];
  return turned ? [m.height, m.width] : [m.width, m.height];
}

function fit(least) {
  const all = svg.getBoundingClientRect(), [w, h] = whole();
  const box = {width: all.width - (panel.hidden || all.width < 640 ? 0 : 384), height: all.height};
  const full = Math.min(box.width / (w + 2 * S.margin), box.height / (h + 2 * S.margin), 1.4);
  scale = Math.max(full, Math.min(least, box.width / (w + 2 * S.margin)), 0.005);
  left = turned && w * scale > box.width ? S.margin : (box.width - w * scale) / 2;
  top_ = !turned && h * scale > box.height ? S.margin : (box.height - h * scale) / 2;
  place();
}

function zoom(by, x, y, soft) {
  const box = svg.getBoundingClientRect();
  const px = x === undefined ? box.width / 2 : x - box.left;
  const py = y === undefined ? box.height / 2 : y - box.top;
  const to = Math.max(0.005, Math.min(6, scale * by));
  left = px - (px - left) * to / scale;
  top_ = py - (py - top_) * to / scale;
  scale = to;
  place(soft);
}

function bring(box) {
  const r = box.getBoundingClientRect(), s = svg.getBoundingClientRect();
  const right = panel.hidden || s.width < 640 ? s.right : s.right - 380;
  if (r.left >= s.left && r.right <= right && r.top >= s.top && r.bottom <= s.bottom) return;
  left += (s.left + right) / 2 - (r.left + r.right) / 2;
  top_ += (s.top + s.bottom) / 2 - (r.top + r.bottom) / 2;
  place(true);
}

function reveal(item) {
  let changed = false;
  for (let k = items[item].level; k && parentOf[k] !== null; k = items[parentOf[k]].level) {
    changed = changed || !opened[k];
    opened[k] = true;
  }
  if (changed) arrange();
}

function arrange() { measure(0); draw(0); }

function toggle(item) {
  const to = levels[items[item].level].inner[items[item].place];
  if (to === null) return;
  const before = boxes[item].getBoundingClientRect();
  opened[to] = !opened[to];
  arrange();
  const after = boxes[item].getBoundingClientRect();
  left += (before.left + before.right - after.left - after.right) / 2;
  top_ += before.top - after.top;
  place();
}

function near(item, out) {
  const {level, place: own} = items[item], found = [];
  for (const [a, b] of levels[level].arrows) {
    const [from, to] = out ? [a, b] : [b, a];
    if (from === own) found.push(levels[level].first + to);
  }
  return [...new Set(found)];
}

function focus(item) {
  reveal(item);
  for (const box of boxes) box.setAttribute("tabindex", "-1");
  boxes[item].setAttribute("tabindex", "0");
  boxes[item].focus({preventScroll: true});
  bring(boxes[item]);
}

function choose(item) {
  if (chosen !== null) boxes[chosen].classList.remove("chosen");
  for (const lit of svg.querySelectorAll(".lit")) lit.classList.remove("lit");
  chosen = item;
  panel.hidden = item === null;
  if (item === null) return;
  boxes[item].classList.add("chosen");
  const {level, place: own} = items[item];
  levels[level].arrows.forEach(([a, b], j) => {
    if (a === own || b === own) ways[level][j].classList.add("lit");
  });
  tell(item);
}

function node(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(rows) {
  const made = node("table"), body = node("tbody");
  for (const row of rows) {
    const line = node("tr");
    for (const cell of row) line.append(node("td", cell));
    body.append(line);
  }
  made.append(body);
  return made;
}

function tell(item) {
  const it = items[item], close = node("button", "×", "shut-it");
  close.title = "Close (Escape)";
  close.addEventListener("click", () => choose(null));
  panel.replaceChildren(close, node("h2", it.name), node("div", it.kind, "soft"));
  if (it.path !== it.name) panel.append(node("div", it.path, "soft"));
  const to = levels[it.level].inner[it.place];
  if (to !== null) {
    const button = node("button", opened[to] ? "Close this model" : "Open this model");
    button.addEventListener("click", () => { toggle(item); choose(item); });
    panel.append(node("h3", "Inside"), button);
  }
  if (it.facts.length) panel.append(node("h3", "Facts"), table(it.facts));
  for (const [title, out] of [["Reads", false], ["Read by", true]]) {
    const found = near(item, out);
    if (!found.length) continue;
    const list = node("div");
    for (const other of found) {
      const button = node("button", items[other].name, "go");
      button.addEventListener("click", () => { choose(other); focus(other); });
      list.append(button);
    }
    panel.append(node("h3", title), list);
  }
  if (it.weights.length) {
    panel.append(node("h3", "Weights"),
      table(it.weights.map(([name, shape, dtype, state]) => [name,
        shape + " " + dtype + ", " + state])));
  }
  if (it.config.length) panel.append(node("h3", "Config"), table(it.config));
}
"""

EVENTS = """
document.body.classList.add("live");
svg.removeAttribute("viewBox");
if (data.open) opened.fill(true);
arrange();
fit(0.75);

const itemOf = (event) => {
  const box = event.target.closest(".box");
  return box ? Number(box.dataset.item) : null;
};

const pointers = new Map();
let dragged = 0;
svg.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  dragged = 0;
});
addEventListener("pointermove", (event) => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const now = [event.clientX, event.clientY], dx = now[0] - last[0], dy = now[1] - last[1];
  dragged += Math.abs(dx) + Math.abs(dy);
  if (pointers.size === 1) { left += dx; top_ += dy; place(); }
  else {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const far = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    zoom(far(now) / Math.max(far(last), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }
  pointers.set(event.pointerId, now);
  svg.classList.toggle("moving", dragged > 4);
});
const release = (event) => { pointers.delete(event.pointerId); svg.classList.remove("moving"); };
addEventListener("pointerup", release);
addEventListener("pointercancel", release);

svg.addEventListener("click", (event) => {
  if (dragged > 4) return;
  const item = itemOf(event);
  if (item !== null && event.target.closest(".sign")) { toggle(item); return; }
  choose(item);
  if (item !== null) focus(item);
});
svg.addEventListener("dblclick", (event) => {
  const item = itemOf(event);
  if (item !== null) toggle(item);
});
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode ? 30 : 1;
  zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX,
    event.clientY);
}, {passive: false});

svg.addEventListener("keydown", (event) => {
  const item = itemOf(event);
  if (item === null) return;
  const it = items[item], level = levels[it.level], shape = shapes[it.level];
  if (event.key === "Enter") choose(item);
  else if (event.key === " ") toggle(item);
  else if (event.key.startsWith("Arrow")) {
    const ahead = {TB: "ArrowDown", BT: "ArrowUp", LR: "ArrowRight", RL: "ArrowLeft"}[data.rankdir];
    const back = {TB: "ArrowUp", BT: "ArrowDown", LR: "ArrowLeft", RL: "ArrowRight"}[data.rankdir];
    let to;
    if (event.key === ahead) to = near(item, true)[0];
    else if (event.key === back) to = near(item, false)[0];
    else {
      const before = level.gates[0], rank = level.places[it.place + before][4];
      const row = level.inner.map((_, i) => i)
        .filter((i) => level.places[i + before][4] === rank)
        .sort((a, b) => shape.middles[a + before] - shape.middles[b + before]);
      const step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
      const next = row[row.indexOf(it.place) + step];
      if (next !== undefined) to = level.first + next;
    }
    if (to !== undefined) focus(to);
  } else return;
  event.preventDefault();
});

const search = document.getElementById("search"), found = document.getElementById("found");
function look() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  found.replaceChildren();
  found.hidden = !words.length;
  if (!words.length) return;
  const hits = items.map((it, i) => [it, i]).filter(([it]) =>
    words.every((word) => (it.path + " " + it.kind).toLowerCase().includes(word)));
  for (const [it, i] of hits.slice(0, 40)) {
    const button = node("button", it.path);
    button.append(node("span", "  " + it.kind, "soft"));
    button.addEventListener("click", () => { found.hidden = true; choose(i); focus(i); });
    found.append(button);
  }
  if (hits.length > 40) found.append(node("p", "and " + (hits.length - 40) + " more", "soft"));
  if (!hits.length) found.append(node("p", "No layer has that in its name or type.", "soft"));
}
search.addEventListener("input", look);
search.addEventListener("focus", look);
search.parentElement.addEventListener("keydown", (event) => {
  const list = [...found.querySelectorAll("button")], at = list.indexOf(document.activeElement);
  if (event.key === "Enter" && at < 0 && list.length) list[0].click();
  else if (event.key === "ArrowDown" && list.length)
    list[Math.min(at + 1, list.length - 1)].focus();
  else if (event.key === "ArrowUp" && at >= 0) (at ? list[at - 1] : search).focus();
  else if (event.key === "Escape") { found.hidden = true; search.blur(); }
  else return;
  event.preventDefault();
  event.stopPropagation();
});
document.addEventListener("click", (event) => {
  if (!search.parentElement.contains(event.target)) found.hidden = true;
});

addEventListener("keydown", (event) => {
  if (event.target.closest("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {"+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    "0": () => fit(0), "/": () => search.focus(), Escape: () => choose(null)}[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
function all(value) {
  opened.fill(value);
  arrange();
  choose(chosen);
  fit(0);
}
const acts = {in: () => zoom(1.25), out: () => zoom(0.8), fit: () => fit(0),
  all: () => all(true), none: () => all(false)};
for (const name of Object.keys(acts)) {
  const button = document.getElementById("do-" + name);
  if (button) button.addEventListener("click", acts[name]);
}
addEventListener("resize", () => place());
"""

SCRIPT = f"//<![CDATA[{GEOMETRY}{VIEW}{EVENTS}//]]>\n"
"""Marked so that the page is XML too, in which "<" would begin an element."""
