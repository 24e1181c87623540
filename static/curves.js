// Accuracy, loss and generalization gap of one run, epoch by epoch, over the same epochs.

import { AXES } from "./axes.js";
import { Chart } from "./chart.js";
import { keep, kept } from "./choices.js";
import { colour, onThemeChange, promptly } from "./figure.js";
import { Series } from "./series.js";
import { difference, wilson } from "./statistics.js";
import { Zoom } from "./zoom.js";

const SPLITS = [
  ["train", "training"],
  ["val", "validation"],
  ["test", "test"],
];
const CHOSEN_BY = { val_loss: "lowest validation loss", val_accuracy: "highest validation accuracy" };

const percent = (value) => `${value.toFixed(1)} %`;
/** A loss in a legend's width. */
const nats = (value) => (Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(1) : value.toFixed(3));

/** The three charts of a run, fed one epoch record at a time. */
export class RunCharts {
  /** `elements` has the accuracy, loss and gap elements; `chance` is the accuracy of guessing, or null. */
  constructor(elements, chance) {
    this.chance = chance;
    /** The epoch that validation chose, {epoch, metric}, or null. */
    this.best = null;
    this.empty = true;
    this.smoothing = Number(kept("smoothing", 0)) || 0;
    this.log = kept("loss-scale", "linear") === "log";
    this.paint = promptly(() => this.#draw());
    this.zoom = new Zoom(this.paint);

    const splits = () => SPLITS.map(([key, name]) => new Series({ key, name }));
    this.accuracy = splits();
    this.running = new Series({ key: "running", ink: "train", name: "running average", fine: true, hidden: true });
    this.loss = splits();
    this.gap = [new Series({ key: "gap-val", name: "training − validation" }), new Series({ key: "gap-test", name: "training − test" })];
    const chart = (name, title, series, figure, hover) =>
      new Chart(elements[name], { title, series, figure, hover, axis: AXES[name] }, this.paint);
    const counts = "%{y:.1f} % (%{customdata[0]} of %{customdata[1]}), 95 %: %{customdata[2]:.1f}–%{customdata[3]:.1f} %";
    const points = "%{y:.1f} points, 95 %: %{customdata[0]:.1f} to %{customdata[1]:.1f}";
    this.charts = [
      chart("accuracy", "Accuracy", [...this.accuracy, this.running], percent, { plain: "%{y:.1f} %", counted: counts }),
      chart("gap", "Generalization gap", this.gap, (v) => `${v.toFixed(1)} points`, { plain: "%{y:.1f} points", counted: points }),
      chart("loss", "Loss", this.loss, nats, { plain: "%{y:.4f}" }),
    ];
    this.charts[0].guessing = true;
    for (const { element } of this.charts) this.zoom.listen(element);
    this.#control();
    onThemeChange(this.paint);
  }

  /** Takes an epoch's record; one that is there already is replaced. */
  add(record) {
    const { epoch } = record;
    SPLITS.forEach(([split], i) => {
      const m = record[split];
      const interval = m?.n > 0 ? wilson(m.correct, m.n).map((v) => 100 * v) : null;
      this.accuracy[i].set(epoch, m && { value: 100 * m.accuracy, interval, facts: interval && [m.correct, m.n, ...interval] });
      this.loss[i].set(epoch, m && { value: m.loss });
    });
    this.gap.forEach((series, i) => {
      const [one, other] = [record.train, record[SPLITS[i + 1][0]]];
      const interval = one?.n > 0 && other?.n > 0 ? difference(one, other).map((v) => 100 * v) : null;
      series.set(epoch, one && other && { value: 100 * (one.accuracy - other.accuracy), interval, facts: interval });
    });
    this.running.set(epoch, record.running && { value: 100 * record.running.accuracy });
    const [first, last] = this.zoom.whole;
    this.zoom.whole = this.empty ? [epoch, epoch] : [Math.min(first, epoch), Math.max(last, epoch)];
    this.empty = false;
  }

  /** All in one go: the browser lays the page out and shows it once. */
  async #draw() {
    const { zoom, smoothing } = this;
    for (const chart of this.charts) {
      await chart.paint({ zoom, best: this.best, smoothing, log: this.log && chart.title === "Loss", marks: this.#marks(chart) });
    }
    this.#say();
  }

  /** The lines that mark something, with their words in the legend. */
  #marks({ guessing }) {
    const marks = [];
    const line = { type: "line", line: { color: colour("soft"), width: 1 } };
    if (guessing && this.chance != null) {
      const y = 100 * this.chance;
      const shape = () => ({ ...line, xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { ...line.line, dash: "dot" } });
      marks.push({ key: "guessing", text: `guessing ${percent(y)}`, shape });
    }
    if (this.best) {
      const { epoch, metric } = this.best;
      const by = CHOSEN_BY[metric];
      const shape = () => ({ ...line, yref: "paper", y0: 0, y1: 1, x0: epoch, x1: epoch, line: { ...line.line, width: 1.5, dash: "2px,4px" } });
      marks.push({ key: "best", text: `best: epoch ${epoch}${by ? ` (${by})` : ""}`, shape });
    }
    return marks;
  }

  #control() {
    const element = (id) => document.getElementById(id);
    const [smoothing, log] = [element("smoothing"), element("log-loss")];
    smoothing.value = this.smoothing;
    smoothing.addEventListener("input", () => {
      this.smoothing = Number(smoothing.value);
      keep("smoothing", smoothing.value);
      this.paint();
    });
    log.checked = this.log;
    log.addEventListener("change", () => {
      this.log = log.checked;
      keep("loss-scale", log.checked ? "log" : "linear");
      this.paint();
    });
    for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => this.zoom.step(button.dataset.zoom));
    element("charts-controls").hidden = false;
  }

  /** What is smoothed and which epochs are shown, in words beside the controls. */
  #say() {
    const [first, last] = this.zoom.shown;
    const say = (id, text) => {
      const output = document.getElementById(id);
      if (output.textContent !== text) output.textContent = text;
    };
    say("smoothing-value", this.smoothing > 0 ? this.smoothing.toFixed(2) : "off");
    say("zoomed", this.zoom.chosen ? `epochs ${first} to ${last}` : "all epochs");
  }
}
