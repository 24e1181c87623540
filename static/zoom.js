// The epochs that the charts of a run show: one stretch for all of them, chosen with pointer, keys or buttons.

/** What each key does; the help below the charts names them. */
const KEYS = { "+": "in", "=": "in", "-": "out", "_": "out", ArrowLeft: "back", ArrowRight: "on", 0: "all", Escape: "all" };

export class Zoom {
  /** `changed` is called when another stretch is to be shown. */
  constructor(changed) {
    this.changed = changed;
    this.whole = [1, 1];
    this.chosen = null;
  }

  /** First and last epoch to show. */
  get shown() {
    return this.chosen ?? this.whole;
  }

  /** Shows the epochs from `first` to `last`, at least two of those that there are; all of them where that is all. */
  choose(first, last) {
    const [start, end] = this.whole;
    const length = Math.max(1, Math.min(Math.round(last - first), end - start));
    const from = Math.max(start, Math.min(Math.round(first), end - length));
    this.chosen = length >= end - start ? null : [from, from + length];
    this.changed();
  }

  /** Does what one of `KEYS` or a button asks for. */
  step(what) {
    const [first, last] = this.shown;
    const length = last - first;
    const centre = (first + last) / 2;
    const by = Math.max(1, Math.round(length / 4));
    if (what === "in") this.choose(centre - length / 4, centre + length / 4);
    if (what === "out") this.choose(centre - length, centre + length);
    if (what === "back" && this.chosen) this.choose(first - by, last - by);
    if (what === "on" && this.chosen) this.choose(first + by, last + by);
    if (what === "all") {
      this.chosen = null;
      this.changed();
    }
  }

  /** Lets a chart that has the focus be zoomed by keys. */
  listen(element) {
    element.addEventListener("keydown", (event) => {
      const what = KEYS[event.key];
      if (!what || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.step(what);
    });
  }
}
