// Thinning of long curves to what pixels can show: what a reader looks for is kept.

/**
 * Positions of `values` from `from` up to before `to` to draw, in order. Of each of `buckets` stretches these stay: the
 * first, lowest, highest and last number, and the first value that is missing, so that a broken line stays broken.
 */
export function thinned(values, buckets, from = 0, to = values.length) {
  const all = to - from;
  if (all <= 5 * buckets) return Array.from({ length: Math.max(0, all) }, (_, i) => from + i);
  const size = Math.ceil(all / buckets);
  const kept = [];
  for (let start = from; start < to; start += size) {
    let first, low, high, last, missing;
    for (let i = start; i < Math.min(start + size, to); i++) {
      const value = values[i];
      if (value == null) {
        missing ??= i;
        continue;
      }
      first ??= i;
      low ??= i;
      high ??= i;
      if (value < values[low]) low = i;
      if (value > values[high]) high = i;
      last = i;
    }
    const chosen = new Set([first, low, high, last, missing].filter((i) => i !== undefined));
    kept.push(...[...chosen].sort((a, b) => a - b));
  }
  return kept;
}
