// Intervals of counts, as the server computes them for files: Wilson 1927, and Newcombe 1998 (method 10) for differences.

const Z = 1.959963984540054;

/** [low, high] of `correct` of `n`, fractions. */
export function wilson(correct, n) {
  if (!(n > 0)) return [0, 1];
  const share = correct / n;
  const centre = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const reach = (Z / (1 + (Z * Z) / n)) * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n));
  return [correct === 0 ? 0 : Math.max(0, centre - reach), correct === n ? 1 : Math.min(1, centre + reach)];
}

/** [low, high] of the difference of two shares, each {correct, n}. */
export function difference(one, other) {
  const p = one.correct / one.n;
  const q = other.correct / other.n;
  const [a, b] = wilson(one.correct, one.n);
  const [c, d] = wilson(other.correct, other.n);
  return [p - q - Math.hypot(p - a, d - q), p - q + Math.hypot(b - p, q - c)];
}

/** One decimal, ties to even as the server rounds: one number reads alike wherever it stands. */
const rounded = (value) => (Math.abs(value % 1) === 0.25 ? (value - Math.sign(value) * 0.01).toFixed(1) : value.toFixed(1));

/** "18.9 %" of 0.1889 */
export const percent = (fraction) => `${rounded(100 * fraction)} %`;

/** "79.4" of 0.794: percentage points */
export const points = (fraction) => rounded(100 * fraction);

/** "18.9 % (17 of 90)" */
export const share = (m) => (m.n > 0 ? `${percent(m.accuracy)} (${m.correct} of ${m.n})` : percent(m.accuracy));
