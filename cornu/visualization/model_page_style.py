"""The style of a model's page: light and dark by what the reader prefers, wide and narrow."""

STYLE = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5b6776; --line: #dfe4ea;
  --edge: #cdd5de; --frame: #eceff4; --way: #8794a3; --one: #2563c9; --glow: #2563c933;
  --shadow: 0 6px 24px rgba(20, 30, 45, .14);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1c232c; --ink: #e6eaf0; --soft: #97a3b2; --line: #29313c;
    --edge: #3a4552; --frame: #171d25; --way: #6b7888; --one: #6aa5ff; --glow: #6aa5ff44;
    --shadow: 0 6px 24px rgba(0, 0, 0, .5);
  }
}
* { box-sizing: border-box; }
html, body, main { height: 100%; margin: 0; }
body {
  background: var(--page); color: var(--ink); overflow: hidden;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { display: flex; flex-direction: column; position: relative; }
header {
  display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding: 10px 16px;
  background: var(--card); border-bottom: 1px solid var(--line); z-index: 2;
}
h1 { font-size: 17px; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
header .soft { flex: 1 1 120px; }
button, input {
  font: inherit; color: inherit; background: var(--page); border: 1px solid var(--edge);
  border-radius: 6px; padding: 4px 10px; min-height: 30px;
}
button { cursor: pointer; }
button:hover { border-color: var(--one); }
:focus-visible { outline: 2px solid var(--one); outline-offset: 1px; }
.tools { display: flex; gap: 6px; }
.search { position: relative; }
.search input { width: 210px; }
#found {
  position: absolute; top: 36px; right: 0; width: 320px; max-width: 90vw; max-height: 50vh;
  overflow: auto; background: var(--card); border: 1px solid var(--edge); border-radius: 8px;
  box-shadow: var(--shadow); padding: 4px;
}
#found button {
  display: block; width: 100%; text-align: left; border: 0; background: none;
  overflow-wrap: anywhere;
}
#found button:hover, #found button:focus { background: var(--glow); outline: 0; }
#found p { margin: 6px 10px; }
[hidden] { display: none !important; }
#stage { flex: 1; min-height: 0; position: relative; overflow: auto; }
#graph { display: block; margin: 0 auto; }
.live #stage { overflow: hidden; }
.live #graph {
  position: absolute; inset: 0; width: 100%; height: 100%; cursor: grab; touch-action: none;
  user-select: none; -webkit-user-select: none;
}
.live #graph.moving { cursor: grabbing; }
#graph text { font: 11px "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans",
  sans-serif; white-space: pre; }
#graph .kind { font-size: 12.5px; font-weight: 600; }
.kind, .value { fill: var(--ink); }
.name, .label { fill: var(--soft); }
.card { fill: var(--card); stroke: var(--edge); }
.frame { fill: var(--frame); stroke: var(--edge); }
.way { fill: none; stroke: var(--way); stroke-width: 1.4; }
.tip { fill: var(--way); }
.box { cursor: pointer; outline: none; }
.box:hover > .shut > .card, .box:hover > .open > .frame { stroke: var(--one); }
.box:focus-visible > .shut > .card, .box:focus-visible > .open > .frame {
  stroke: var(--one); stroke-width: 2.5;
}
.box.chosen > .shut > .card, .box.chosen > .open > .frame { stroke: var(--one); stroke-width: 2; }
.box.chosen > .shut > .card { filter: drop-shadow(0 0 5px var(--one)); }
.arrow.lit .way { stroke: var(--one); stroke-width: 2; }
.arrow.lit .tip { fill: var(--one); }
.sign circle { fill: var(--page); stroke: var(--edge); }
.sign:hover circle { stroke: var(--one); }
#graph .mark { font-size: 13px; font-weight: 600; fill: var(--ink); }
#panel {
  position: absolute; right: 12px; top: 64px; bottom: 12px; width: 360px; max-width: 94vw;
  overflow: auto; background: var(--card); border: 1px solid var(--edge); border-radius: 10px;
  box-shadow: var(--shadow); padding: 14px 16px; z-index: 1;
}
#panel:focus { outline: none; }
#panel h2 { margin: 0 34px 2px 0; font-size: 16px; overflow-wrap: anywhere; }
#panel h3 { margin: 16px 0 4px; font-size: 12px; color: var(--soft); font-weight: 600; }
#panel .shut-it { position: absolute; right: 10px; top: 10px; }
#panel table { border-collapse: collapse; width: 100%; font-size: 13px; table-layout: fixed; }
#panel td { padding: 4px 8px 4px 0; border-top: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
#panel td:first-child { color: var(--soft); width: 38%; }
#panel .go { margin: 0 6px 6px 0; overflow-wrap: anywhere; text-align: left; }
@media (max-width: 640px) {
  #panel { left: 8px; right: 8px; top: 45%; bottom: 8px; width: auto; }
  header .soft { flex-basis: 100%; }
  .search, .search input { width: 100%; }
}
@media (prefers-reduced-motion: no-preference) {
  .live #view.soft-move { transition: transform .18s; }
}
@media print { body { overflow: visible; } header .search, .tools, #panel { display: none; } }
"""
