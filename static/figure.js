// Plotly figures in the page's colours: the frame that all of our charts share.

/** What style sheets say, read once until the theme changes: reading it makes the browser lay the page out. */
const styles = new Map();
const styled = (key, read) => styles.get(key) ?? styles.set(key, read()).get(key);

/** The value of a colour token, resolved for light or dark, as "rgb(…)". */
export const colour = (token) =>
  styled(token, () => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${token})`;
    probe.hidden = true;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  });

/** The same colour, see-through. */
export const wash = (rgb, alpha) => rgb.replace(/^rgb\(/, "rgba(").replace(/\)$/, `, ${alpha})`);

/** A dash token as Plotly names it. */
export const dash = (name) =>
  styled(`${name}-dash`, () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}-dash`).trim() || "solid");

/** Plotly's layout for values over the epochs from `first` to `last`, in a plot so many pixels wide. */
export function layout(y, [first, last], width) {
  const [ink, soft, line, card] = ["ink", "soft", "line", "card"].map(colour);
  // Plotly would measure every label at every drawing to hide those that leave the plot; ours fit.
  const axis = { gridcolor: line, linecolor: line, tickfont: { color: soft }, zeroline: false, ticklabeloverflow: "allow" };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: styled("face", () => getComputedStyle(document.body).fontFamily), size: 13, color: ink },
    hovermode: "x unified",
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    xaxis: { ...axis, range: [first, last], tick0: 0, dtick: wholeStep(last - first, width), tickformat: "d", showgrid: false, hoverformat: "d" },
    yaxis: { ...axis, ...y },
    dragmode: "zoom",
  };
}

/** Whole epochs from one tick to the next, 1, 2 or 5 times a power of ten: no number stands twice, and none on another. */
export function wholeStep(span, width) {
  const least = span / Math.max(1, width / 56);
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)));
  return Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= least) * power);
}

/** The range of an axis of epochs: a little wider than what it shows, without an epoch 0. */
export function around(first, last) {
  const air = Math.max(0.25, 0.01 * (last - first));
  return [Math.max(0.5, first - air), last + air];
}

/** Draws a figure, or brings the one that is there up to date. Plotly draws again only what is handed to it in new arrays. */
export const draw = (element, traces, layout, settings) => Plotly.react(element, traces, layout, settings);

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

/** Milliseconds that painting rests at most, when it is asked for all the time. */
const REST = 150;

/**
 * Calls `paint` at once, or when the page is seen again. While epochs come faster than they can be painted, it rests after
 * each painting half as long as that took, so that keys are answered.
 */
export function promptly(paint) {
  let asked = false;
  let busy = false;
  async function next() {
    busy = true;
    try {
      while (asked) {
        // What comes at the same time is painted at once.
        await pause();
        await seen();
        asked = false;
        const start = performance.now();
        await paint();
        await pause(Math.min(REST, (performance.now() - start) / 2));
      }
    } finally {
      busy = false;
    }
  }
  return () => {
    asked = true;
    if (!busy) next();
  };
}

const pause = (ms = 0) => new Promise((then) => setTimeout(then, ms));

async function seen() {
  while (document.hidden) await new Promise((then) => document.addEventListener("visibilitychange", then, { once: true }));
}

/** Paints again when the colours change, by our button or by the system. */
export function onThemeChange(paint) {
  document.documentElement.addEventListener("themechange", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

// Before any figure asks to be painted in the new colours.
onThemeChange(() => styles.clear());
