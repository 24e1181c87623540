// One curve's points, in the order of its epochs, and what is reckoned from them for drawing.

import { thinned } from "./thin.js";

/** Values by epoch, only those epochs at which the curve was measured. */
export class Series {
  /** `key` names it and, unless `ink` does, its ink; `fine` is a thin dotted line, `hidden` one that a reader asks for. */
  constructor({ key, name, ink = key, fine = false, hidden = false }) {
    Object.assign(this, { key, name, ink, fine, hidden, x: [], y: [], low: [], high: [], facts: [] });
  }

  /** Takes an epoch's point, or takes it away where it is null. A value that is no number breaks the line. */
  set(epoch, point) {
    const at = this.from(epoch);
    const replaced = this.x[at] === epoch ? 1 : 0;
    const put = (column, ...value) => column.splice(at, replaced, ...value);
    if (!point) {
      if (replaced) for (const column of [this.x, this.y, this.low, this.high, this.facts]) put(column);
      return;
    }
    const { value, interval, facts } = point;
    put(this.x, epoch);
    put(this.y, value ?? null);
    put(this.low, interval?.[0] ?? null);
    put(this.high, interval?.[1] ?? null);
    put(this.facts, facts ?? null);
  }

  /** The position of the first epoch that is not before `epoch`. */
  from(epoch) {
    let [low, high] = [0, this.x.length];
    if (high === 0 || this.x[high - 1] < epoch) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < epoch) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get last() {
    return this.y.findLast((value) => value != null);
  }

  /** Positions to draw between two epochs, and one beyond either end, so that the line goes on to the plot's edge. */
  kept([first, last], buckets) {
    const from = Math.max(0, this.from(first) - 1);
    return thinned(this.y, buckets, from, Math.min(this.x.length, this.from(last) + 1));
  }

  /** True where epochs lie between its points at which it was not measured. */
  get sparse() {
    const { x } = this;
    return x.length > 1 && x.at(-1) - x[0] >= x.length;
  }

  /**
   * The curve smoothed by an exponential moving average: each value is `weight` times the one before and the rest from the
   * curve, divided by the share of weights that there is so far (Kingma & Ba 2015, section 3), so that it starts at the first.
   */
  smoothed(weight) {
    let sum = 0;
    let share = 0;
    return this.y.map((value) => {
      if (value == null) return null;
      sum = weight * sum + (1 - weight) * value;
      share = weight * share + (1 - weight);
      return sum / share;
    });
  }
}

/**
 * The series' positions at epochs that one of them keeps, and at the epoch that is `marked`: a reader who points at an
 * epoch sees all of them there.
 */
export function keptTogether(series, view, buckets, marked = null) {
  const epochs = new Set(marked >= view[0] && marked <= view[1] ? [marked] : []);
  for (const one of series) for (const i of one.kept(view, buckets)) epochs.add(one.x[i]);
  const inOrder = [...epochs].sort((a, b) => a - b);
  return series.map((one) => {
    const positions = [];
    let at = inOrder.length ? one.from(inOrder[0]) : 0;
    for (const epoch of inOrder) {
      while (one.x[at] < epoch) at++;
      if (one.x[at] === epoch) positions.push(at);
    }
    return positions;
  });
}
