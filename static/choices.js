// What a reader has chosen for all charts, kept by the browser for the next page.

/** The value that was kept under `key`, or `otherwise`. */
export function kept(key, otherwise) {
  try {
    return localStorage.getItem(key) ?? otherwise;
  } catch {
    return otherwise; // A browser that refuses storage still shows charts.
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It holds for this page.
  }
}
