// The axes of values: everything is seen against zero until one zooms in.

import { colour } from "./figure.js";

/** Five hundredths of air above and below what is shown. */
function aired(low, high) {
  const air = 0.05 * (high - low) || 0.05 * Math.abs(high) || 0.5;
  return [low - air, high + air];
}

/** Ticks between two values at 1, 2 and 5 times the powers of ten, fewer where those are many, each with its whole number. */
function logarithmic(low, high) {
  const range = aired(Math.log10(low), Math.log10(high));
  const [from, to] = [Math.floor(range[0]), Math.ceil(range[1])];
  const step = Math.ceil((to - from) / 8);
  const factors = to - from <= 2 ? [1, 2, 5] : to - from <= 4 ? [1, 3] : [1];
  const tickvals = [];
  for (let power = from; power <= to; power += step) tickvals.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  const plain = (value) => (value >= 1e-3 && value < 1e5 ? String(value) : value.toExponential(0).replace("+", ""));
  return { type: "log", range, tickmode: "array", tickvals, ticktext: tickvals.map(plain) };
}

/** By chart, the axis for the lowest and highest that are shown and the lowest above zero. */
export const AXES = {
  accuracy: ({ low, high }, { zoomed }) => ({ range: zoomed && low <= high ? aired(low, high) : [0, 102], ticksuffix: " %" }),
  loss: ({ low, high, positive }, { zoomed, log }) => {
    if (log && positive <= high) return logarithmic(positive, high);
    if (!(low <= high)) return { range: [0, 1] };
    return { range: zoomed ? aired(low, high) : [0, aired(0, high)[1]] };
  },
  gap: ({ low, high }, { zoomed }) => {
    const zero = { zeroline: true, zerolinecolor: colour("ink"), zerolinewidth: 1.5 };
    if (!(low <= high)) return { range: [-1, 1], ...zero };
    if (zoomed) return { range: aired(low, high), ...zero };
    const [from, to] = aired(Math.min(0, low), Math.max(0, high));
    return { range: [low < 0 ? from : 0, high > 0 || low >= 0 ? to : 0], ...zero };
  },
};
