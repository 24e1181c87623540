// Plotly figures in the page's colours: the frame that all of our charts share.

/** The value of a colour token, resolved for light or dark, as "rgb(…)". */
export function colour(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  probe.hidden = true;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The same colour, see-through. */
export const wash = (rgb, alpha) => rgb.replace(/^rgb\(/, "rgba(").replace(/\)$/, `, ${alpha})`);

/** A dash token as Plotly names it. */
export const dash = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}-dash`).trim() || "solid";

/** Plotly's layout for values over epochs. */
export function layout(y) {
  const [ink, soft, line, card] = ["ink", "soft", "line", "card"].map(colour);
  const axis = { gridcolor: line, linecolor: line, tickfont: { color: soft }, zeroline: false, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink },
    margin: { l: 56, r: 16, t: 8, b: 44 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemsizing: "constant" },
    xaxis: { ...axis, title: { text: "epoch", standoff: 8 }, tickformat: "d", showgrid: false, hoverformat: "d" },
    yaxis: { ...axis, ...y },
    uirevision: "kept",
    dragmode: "zoom",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
  };
}

const settings = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
};

/** Draws a figure, or brings the one that is there up to date. */
export const draw = (element, traces, layout) =>
  Plotly.react(element, traces, layout, {
    ...settings,
    // On a narrow screen its buttons would lie on the legend.
    displayModeBar: element.clientWidth < 480 ? false : "hover",
  });

/** Calls `paint` soon, and not again before the time that painting takes has passed a few times over. */
export function paced(paint) {
  let waiting = false;
  let earliest = 0;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      const start = performance.now();
      await paint();
      const end = performance.now();
      earliest = end + Math.min(2000, 4 * (end - start));
    }, Math.max(0, earliest - performance.now()));
  };
}

/** Paints again when the colours change, by our button or by the system. */
export function onThemeChange(paint) {
  document.documentElement.addEventListener("themechange", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

/** Positions to draw of a long curve: of each bucket the first, lowest, highest and last, so that no extreme is lost. */
export function thinned(values, buckets = 1000) {
  if (values.length <= 4 * buckets) return null;
  const size = Math.ceil(values.length / buckets);
  const kept = [];
  for (let start = 0; start < values.length; start += size) {
    const end = Math.min(start + size, values.length);
    let [low, high] = [start, start];
    for (let i = start; i < end; i++) {
      if (values[i] < values[low] || values[low] == null) low = i;
      if (values[i] > values[high] || values[high] == null) high = i;
    }
    for (const i of [...new Set([start, low, high, end - 1])].sort((a, b) => a - b)) kept.push(i);
  }
  return kept;
}
