// Accuracy, loss and generalization gap of one run, epoch by epoch.

import { colour, dash, draw, layout, onThemeChange, paced, thinned, wash } from "./figure.js";
import { difference, wilson } from "./statistics.js";

const SPLITS = [
  ["train", "training"],
  ["val", "validation"],
  ["test", "test"],
];

/** A curve's points: x, y, the ends of its interval, and what a hover says beside the value. */
class Curve {
  constructor(ink, name) {
    Object.assign(this, { ink, name, x: [], y: [], low: [], high: [], facts: [] });
  }

  set(at, epoch, y, interval, facts) {
    this.x[at] = epoch;
    this.y[at] = y;
    this.low[at] = interval?.[0] ?? null;
    this.high[at] = interval?.[1] ?? null;
    this.facts[at] = facts;
  }

  traces(hover) {
    const line = colour(this.ink);
    const kept = thinned(this.y);
    const pick = (values) => (kept ? kept.map((i) => values[i]) : values);
    const x = pick(this.x);
    const edge = { x, type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: this.ink };
    const band = this.low.some((v) => v != null)
      ? [
          { ...edge, y: pick(this.low) },
          { ...edge, y: pick(this.high), fill: "tonexty", fillcolor: wash(line, 0.14) },
        ]
      : [];
    return [
      ...band,
      {
        x,
        y: pick(this.y),
        customdata: pick(this.facts),
        type: "scatter",
        mode: x.length < 3 ? "lines+markers" : "lines",
        name: this.name,
        legendgroup: this.ink,
        line: { color: line, width: 2.25, dash: dash(this.ink) },
        hovertemplate: `${hover}<extra>${this.name}</extra>`,
      },
    ];
  }
}

/** The three charts of a run, fed one epoch record at a time. */
export class RunCharts {
  /** `elements` has the accuracy, loss and gap elements; `chance` is the accuracy of guessing, or null. */
  constructor(elements, chance) {
    this.elements = elements;
    this.chance = chance;
    this.best = null;
    this.positions = new Map();
    this.accuracy = SPLITS.map(([ink, name]) => new Curve(ink, name));
    this.loss = SPLITS.map(([ink, name]) => new Curve(ink, name));
    this.gap = [new Curve("gap-val", "training − validation"), new Curve("gap-test", "training − test")];
    this.running = new Curve("train", "training, running average");
    this.paint = paced(() => this.#draw());
    onThemeChange(this.paint);
  }

  /** Takes an epoch's record; one that is there already is replaced. */
  add(record) {
    const at = this.positions.get(record.epoch) ?? this.positions.size;
    this.positions.set(record.epoch, at);
    SPLITS.forEach(([split], i) => {
      const m = record[split];
      const counted = m && m.n > 0;
      const interval = counted ? wilson(m.correct, m.n).map((v) => 100 * v) : null;
      const facts = counted ? [m.correct, m.n, interval[0], interval[1]] : [null, null, null, null];
      this.accuracy[i].set(at, record.epoch, m ? 100 * m.accuracy : null, interval, facts);
      this.loss[i].set(at, record.epoch, m?.loss ?? null, null, null);
    });
    this.gap.forEach((curve, i) => {
      const [one, other] = [record.train, record[SPLITS[i + 1][0]]];
      const known = one && other;
      const counted = known && one.n > 0 && other.n > 0;
      const interval = counted ? difference(one, other).map((v) => 100 * v) : null;
      curve.set(at, record.epoch, known ? 100 * (one.accuracy - other.accuracy) : null, interval, interval ?? [null, null]);
    });
    this.running.set(at, record.epoch, record.running ? 100 * record.running.accuracy : null, null, null);
  }

  #draw() {
    const shown = (curves) => curves.filter((c) => c.y.some((v) => v != null));
    const traces = (curves, hover) => shown(curves).flatMap((c) => c.traces(hover));
    const percentAxis = { title: { text: "accuracy" }, range: [0, 102], ticksuffix: " %", hoverformat: ".1f" };
    const running = shown([this.running]).map((c) => ({
      ...c.traces("%{y:.1f} %").at(-1),
      legendgroup: "running",
      visible: "legendonly",
      line: { color: colour("train"), width: 1, dash: "dot" },
    }));
    const counts = "%{y:.1f} % (%{customdata[0]} of %{customdata[1]}), 95 %: %{customdata[2]:.1f}–%{customdata[3]:.1f} %";
    return Promise.all([
      draw(this.elements.accuracy, [...traces(this.accuracy, counts), ...running], this.#frame(percentAxis, this.#guessing())),
      draw(this.elements.loss, traces(this.loss, "%{y:.4f}"), this.#frame({ title: { text: "loss (nats)" }, rangemode: "tozero" })),
      draw(
        this.elements.gap,
        traces(this.gap, "%{y:.1f} points, 95 %: %{customdata[0]:.1f} to %{customdata[1]:.1f}"),
        this.#frame({
          title: { text: "gap (percentage points)" },
          zeroline: true,
          zerolinecolor: colour("ink"),
          zerolinewidth: 1.5,
          rangemode: "tozero",
        }),
      ),
    ]);
  }

  #guessing() {
    if (this.chance == null) return {};
    const y = 100 * this.chance;
    const soft = colour("soft");
    return {
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: soft, width: 1, dash: "dot" } }],
      annotations: [
        { xref: "paper", x: 1, y, xanchor: "right", yanchor: "bottom", showarrow: false, text: `guessing ${y.toFixed(1)} %`, font: { color: soft, size: 11 } },
      ],
    };
  }

  #frame(y, { shapes = [], annotations = [] } = {}) {
    const soft = colour("soft");
    const last = Math.max(1, ...[...this.positions.keys()].slice(-1));
    const best = this.best;
    if (best != null) {
      shapes = [...shapes, { type: "line", yref: "paper", y0: 0, y1: 1, x0: best, x1: best, line: { color: soft, width: 1.5, dash: "2px,4px" } }];
      annotations = [
        ...annotations,
        { yref: "paper", y: 1, x: best, xanchor: best > last / 2 ? "right" : "left", yanchor: "top", showarrow: false, text: ` best: epoch ${best} `, font: { color: soft, size: 11 } },
      ];
    }
    const frame = layout(y);
    if (last < 3) frame.xaxis.dtick = 1;
    return { ...frame, shapes, annotations };
  }
}
