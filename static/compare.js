// Several runs' curves on one chart: a colour a run; kept up to date while one of them goes on.

import { colour, draw, layout, onThemeChange, thinned } from "./figure.js";

const island = document.getElementById("runs-data");
let source = island.textContent;
let runs = JSON.parse(source);
const chart = document.getElementById("chart");
const what = document.getElementById("what");
const [TRAIN, VAL, TEST] = [0, 1, 2];

const times = (factor) => (v) => (v == null ? null : factor * v);
const gap = (run) => run.accuracy[TRAIN].map((t, i) => (t == null || run.accuracy[VAL][i] == null ? null : 100 * (t - run.accuracy[VAL][i])));
const FIGURES = {
  accuracy: { solid: (r) => r.accuracy[VAL].map(times(100)), dotted: (r) => r.accuracy[TRAIN].map(times(100)), axis: { title: { text: "accuracy" }, range: [0, 102], ticksuffix: " %" }, digits: 1 },
  train: { solid: (r) => r.accuracy[TRAIN].map(times(100)), dotted: (r) => r.accuracy[VAL].map(times(100)), axis: { title: { text: "accuracy" }, range: [0, 102], ticksuffix: " %" }, digits: 1, beside: "validation" },
  test: { solid: (r) => r.accuracy[TEST].map(times(100)), dotted: (r) => r.accuracy[TRAIN].map(times(100)), axis: { title: { text: "accuracy" }, range: [0, 102], ticksuffix: " %" }, digits: 1 },
  loss: { solid: (r) => r.loss[VAL], dotted: (r) => r.loss[TRAIN], axis: { title: { text: "loss (nats)" }, rangemode: "tozero" }, digits: 4 },
  gap: { solid: gap, dotted: null, axis: { title: { text: "gap (percentage points)" }, rangemode: "tozero", zeroline: true, zerolinewidth: 1.5 }, digits: 1 },
};
const MARKS = ["circle", "square", "diamond", "triangle-up", "x"];

/** Hues spread evenly from that of the first run; lightness by what the page's theme wants. */
function hue(position) {
  const [r] = colour("ink").match(/\d+/g).map(Number);
  const onDark = r > 128;
  return `hsl(${Math.round((215 + (360 * position * 0.381966) ) % 360)}, ${onDark ? 70 : 65}%, ${onDark ? 68 : 38}%)`;
}

function trace(run, position, values, solid, beside = "training") {
  const kept = thinned(values);
  const pick = (all) => (kept ? kept.map((i) => all[i]) : all);
  const name = run.name || `run ${run.id}`;
  const few = run.epoch.length <= 60;
  return {
    x: pick(run.epoch),
    y: pick(values),
    type: "scatter",
    mode: solid && few ? "lines+markers" : "lines",
    marker: { symbol: MARKS[position % MARKS.length], size: 5 },
    name: solid ? name : `${name}, ${beside}`,
    legendgroup: String(run.id),
    showlegend: solid,
    line: { color: hue(position), width: solid ? 2.25 : 1.25, dash: solid ? "solid" : "dot" },
  };
}

function paint() {
  const figure = FIGURES[what.value];
  const traces = runs.flatMap((run, position) => [
    trace(run, position, figure.solid(run), true),
    ...(figure.dotted ? [trace(run, position, figure.dotted(run), false, figure.beside)] : []),
  ]);
  const frame = layout({ ...figure.axis, hoverformat: `.${figure.digits}f`, zerolinecolor: colour("ink") });
  draw(chart, traces, { ...frame, uirevision: what.value });
}

// The address holds what is shown, so that a link shows the same.
const asked = new URL(location.href);
if (asked.searchParams.get("show") in FIGURES) what.value = asked.searchParams.get("show");
what.addEventListener("change", () => {
  asked.searchParams.set("show", what.value);
  history.replaceState(null, "", asked);
  paint();
});
onThemeChange(paint);
paint();

document.addEventListener("refreshed", () => {
  if (island.textContent === source) return;
  source = island.textContent;
  runs = JSON.parse(source);
  paint();
});
