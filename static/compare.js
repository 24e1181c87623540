// Several runs' curves on one chart: a colour a run.

import { colour, draw, layout, onThemeChange, thinned } from "./figure.js";

const runs = JSON.parse(document.getElementById("runs-data").textContent);
const chart = document.getElementById("chart");
const what = document.getElementById("what");
const [TRAIN, VAL, TEST] = [0, 1, 2];

const times = (factor) => (v) => (v == null ? null : factor * v);
const gap = (run) => run.accuracy[TRAIN].map((t, i) => (t == null || run.accuracy[VAL][i] == null ? null : 100 * (t - run.accuracy[VAL][i])));
const FIGURES = {
  accuracy: { solid: (r) => r.accuracy[VAL].map(times(100)), dotted: (r) => r.accuracy[TRAIN].map(times(100)), axis: { title: { text: "accuracy" }, range: [0, 102], ticksuffix: " %" }, digits: 1 },
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

function trace(run, position, values, solid) {
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
    name: solid ? name : `${name}, training`,
    legendgroup: String(run.id),
    showlegend: solid,
    line: { color: hue(position), width: solid ? 2.25 : 1.25, dash: solid ? "solid" : "dot" },
  };
}

function paint() {
  const figure = FIGURES[what.value];
  const traces = runs.flatMap((run, position) => [
    trace(run, position, figure.solid(run), true),
    ...(figure.dotted ? [trace(run, position, figure.dotted(run), false)] : []),
  ]);
  const frame = layout({ ...figure.axis, hoverformat: `.${figure.digits}f`, zerolinecolor: colour("ink") });
  draw(chart, traces, { ...frame, uirevision: what.value });
}

what.addEventListener("change", paint);
onThemeChange(paint);
paint();
