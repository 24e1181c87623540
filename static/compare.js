// Several runs' curves on one chart: a colour a run; kept up to date while one of them goes on.

import { around, colour, draw, layout, onThemeChange, paced, promptly } from "./figure.js";
import { refresh } from "./live.js";
import { keptTogether, Series } from "./series.js";
import { whileSeen } from "./stream.js";

const data = (page) => JSON.parse(page.getElementById("runs-data").textContent);
let runs = data(document);
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
/** Points of a curve, up to which each is marked, and pixels of a stretch of a long one, of which the extremes are kept. */
const FEW = 60;
const STRETCH = 3;
const MARKS = ["circle", "square", "diamond", "triangle-up", "x"];

/** Hues spread evenly from that of the first run; lightness by what the page's theme wants. */
function hue(position) {
  const [r] = colour("ink").match(/\d+/g).map(Number);
  const onDark = r > 128;
  return `hsl(${Math.round((215 + (360 * position * 0.381966) ) % 360)}, ${onDark ? 70 : 65}%, ${onDark ? 68 : 38}%)`;
}

/** A run's values by epoch, those epochs that have one. */
function series(run, values) {
  const of = new Series({ key: String(run.id), name: run.name || `run ${run.id}` });
  run.epoch.forEach((epoch, i) => of.set(epoch, values[i] == null ? null : { value: values[i] }));
  return of;
}

function trace(of, kept, position, solid, beside = "training") {
  const [x, y] = [kept.map((i) => of.x[i]), kept.map((i) => of.y[i])];
  return {
    x,
    y,
    type: "scatter",
    mode: (solid && x.length <= FEW) || x.length < 3 || (of.sparse && x.length <= 2 * FEW) ? "lines+markers" : "lines",
    marker: { symbol: MARKS[position % MARKS.length], size: 5 },
    name: solid ? of.name : `${of.name}, ${beside}`,
    legendgroup: of.key,
    showlegend: solid,
    line: { color: hue(position), width: solid ? 2.25 : 1.25, dash: solid ? "solid" : "dot", simplify: false },
  };
}

const paint = promptly(() => {
  const figure = FIGURES[what.value];
  const width = chart.clientWidth;
  const curves = runs.flatMap((run, position) => [
    { of: series(run, figure.solid(run)), position, solid: true },
    ...(figure.dotted ? [{ of: series(run, figure.dotted(run)), position, solid: false, beside: figure.beside }] : []),
  ]);
  const ends = curves.flatMap(({ of }) => (of.x.length ? [of.x[0], of.x.at(-1)] : []));
  const whole = ends.length ? [Math.min(...ends), Math.max(...ends)] : [1, 1];
  const kept = keptTogether(curves.map(({ of }) => of), whole, width / STRETCH);
  const traces = curves.map(({ of, position, solid, beside }, i) => trace(of, kept[i], position, solid, beside));
  const frame = layout({ automargin: true, ...figure.axis, hoverformat: `.${figure.digits}f`, zerolinecolor: colour("ink") }, around(...whole), width);
  return draw(
    chart,
    traces,
    {
      ...frame,
      xaxis: { ...frame.xaxis, title: { text: "epoch", standoff: 8 }, minallowed: frame.xaxis.range[0], maxallowed: frame.xaxis.range[1] },
      margin: { l: 56, r: 16, t: 8, b: 44 },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemsizing: "constant" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("ink") },
      uirevision: what.value,
    },
    {
      responsive: true,
      displaylogo: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
      // On a narrow screen its buttons would lie on the legend.
      displayModeBar: width < 480 ? false : "hover",
    },
  );
});

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

const isLive = () => runs.some((run) => run.live);
const update = paced(async () => {
  const fresh = await refresh(location.href);
  if (!fresh) return;
  runs = data(fresh);
  paint();
  if (!isLive()) stop();
});
let stop = () => {};
if (isLive()) {
  stop = whileSeen(() => {
    const stream = new EventSource("/api/v1/runs/events");
    stream.addEventListener("changed", (event) => {
      const changed = JSON.parse(event.data).runs;
      if (changed.length === 0 || runs.some((run) => changed.includes(run.id))) update();
    });
    stream.addEventListener("open", update);
    return stream;
  });
}
