// One of a run's charts: its curves with bands over the epochs that all charts show, its legend and its description.

import { around, colour, dash, draw, layout, wash } from "./figure.js";
import { Legend } from "./legend.js";
import { keptTogether } from "./series.js";

/** Pixels that a stretch of a long curve is wide, of which its extremes are kept. */
const STRETCH = 6;
/** Points of a curve that was measured now and then, up to which each is marked. */
const MARKED = 120;
/** Milliseconds after which the description says newer figures: a screen reader may read out every change. */
const DESCRIBED = 5000;
const MARGIN = { l: 52, r: 14, t: 6, b: 34, autoexpand: false };
const SETTINGS = { displayModeBar: false, doubleClick: false, responsive: false };

export class Chart {
  /**
   * `what` has the `title`, the `series`, and of their values the `figure` in words, the `hover` templates of one alone and
   * of one with its facts, and the `axis` for the lowest and highest that are shown.
   */
  constructor(element, what, changed) {
    Object.assign(this, { element, ...what, held: false, described: 0 });
    this.legend = new Legend(
      { curves: document.getElementById(`${element.id}-legend`), marks: document.getElementById(`${element.id}-marks`) },
      changed,
    );
    this.legend.hidden = new Set(this.series.filter((s) => s.hidden).map((s) => s.key));
    new ResizeObserver(changed).observe(element);
    // Nothing is drawn again under a pointer that is choosing a stretch.
    element.addEventListener("pointerdown", () => (this.held = true));
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => {
        if (this.held) changed();
        this.held = false;
      });
    }
  }

  /** Draws everything as it stands. `smoothing` is the weight of what came before, 0 for none. */
  async paint({ zoom, best, marks, smoothing, log }) {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (this.held || width === 0) return;
    const known = this.series.filter((s) => s.x.length > 0);
    const drawn = known.filter((s) => this.legend.shows(s.key));
    const positions = keptTogether(drawn, zoom.shown, width / STRETCH, best?.epoch ?? null);
    const pen = { smoothing, positive: log };
    const curves = drawn.map((series, i) => new Curve(series, positions[i], pen));
    const first = !this.element.data;
    const frame = layout(
      { fixedrange: true, ...this.axis(extent(curves, zoom.shown), { zoomed: zoom.chosen !== null, log }) },
      around(...zoom.shown),
      width - MARGIN.l - MARGIN.r,
    );
    await draw(
      this.element,
      [...curves.flatMap((c) => c.band()), ...curves.flatMap((c) => c.lines(this.hover))],
      {
        ...frame,
        width,
        height,
        margin: MARGIN,
        showlegend: false,
        shapes: marks.map((mark) => mark.shape()),
        // A finger scrolls the page.
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      },
      SETTINGS,
    );
    if (first) this.#hear(zoom);
    this.legend.write(
      known.map((s) => ({ key: s.key, name: s.name, value: this.#value(s) })),
      marks,
    );
    this.#describe(known, marks, zoom);
  }

  /** A series' last value in words; a loss can have none. */
  #value({ last }) {
    return last === undefined ? "not a number" : this.figure(last);
  }

  #hear(zoom) {
    this.element.on("plotly_relayout", (change) => {
      const [first, last] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (first !== undefined) zoom.choose(Math.ceil(first), Math.floor(last));
    });
    this.element.on("plotly_doubleclick", () => zoom.step("all"));
  }

  #describe(known, marks, { shown: [first, last] }) {
    if (!known.length) return;
    const figures = known.map((s) => `${s.name} ${this.#value(s)} at epoch ${s.x.at(-1)}`);
    const said = [`${this.title}, epochs ${first} to ${last}: ${figures.join(", ")}`, ...marks.map((mark) => mark.text)];
    this.saying = () => this.element.setAttribute("aria-label", `${said.join(". ")}. The table of epochs has all numbers.`);
    if (this.described) return;
    this.saying();
    this.described = setTimeout(() => {
      this.described = 0;
      this.saying();
    }, DESCRIBED);
  }
}

/** What is drawn of a series: some of its points. */
class Curve {
  constructor(series, positions, { smoothing, positive }) {
    const pick = (column) => positions.map((i) => column[i]);
    // A logarithmic axis has no place for zero.
    const place = (value) => (positive && !(value > 0) ? null : value);
    this.series = series;
    this.ink = series.ink;
    this.x = pick(series.x);
    this.y = pick(series.y).map(place);
    this.low = pick(series.low);
    this.high = pick(series.high);
    this.facts = pick(series.facts);
    this.smooth = smoothing > 0 ? pick(series.smoothed(smoothing)).map(place) : null;
  }

  /** The area between the ends of the intervals, around the epochs that have one. */
  band() {
    const there = this.x.map((_, i) => i).filter((i) => this.low[i] != null);
    if (there.length === 0) return [];
    const back = there.toReversed();
    return [
      {
        x: [...there, ...back].map((i) => this.x[i]),
        y: [...there.map((i) => this.high[i]), ...back.map((i) => this.low[i])],
        type: "scatter",
        mode: "none",
        fill: "toself",
        fillcolor: wash(colour(this.ink), 0.14),
        hoverinfo: "skip",
      },
    ];
  }

  /** The line, and above it the smoothed one. */
  lines(hover) {
    const { series, ink } = this;
    const full = colour(ink);
    const marked = this.x.length < 3 || (series.sparse && this.x.length <= MARKED);
    const width = series.fine ? 1 : 2.25;
    const line = { type: "scatter", mode: "lines", x: this.x };
    const style = { dash: series.fine ? "dot" : dash(ink), simplify: false };
    const raw = {
      ...line,
      y: this.y,
      customdata: this.facts,
      mode: marked ? "lines+markers" : "lines",
      marker: { size: 5, color: full },
      line: { ...style, ...(this.smooth ? { color: wash(full, 0.5), width: 1 } : { color: full, width }) },
      hovertemplate: this.facts.map((facts) => `${facts ? hover.counted : hover.plain}<extra>${series.name}</extra>`),
    };
    if (!this.smooth) return [raw];
    const smooth = { ...line, y: this.smooth, line: { ...style, color: full, width }, hoverinfo: "skip" };
    return [raw, smooth];
  }
}

/** Lowest and highest of what is shown between two epochs, and the lowest above zero. */
function extent(curves, [first, last]) {
  const all = { low: Infinity, high: -Infinity, positive: Infinity };
  for (const { x, ...columns } of curves) {
    for (let i = 0; i < x.length; i++) {
      if (x[i] < first || x[i] > last) continue;
      for (const value of [columns.y[i], columns.low[i], columns.high[i], columns.smooth?.[i]]) {
        if (value == null) continue;
        if (value < all.low) all.low = value;
        if (value > all.high) all.high = value;
        if (value > 0 && value < all.positive) all.positive = value;
      }
    }
  }
  return all;
}
