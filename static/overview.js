// A run's overview: the charts and the large numbers take each epoch as soon as it is heard.

import { RunCharts } from "./curves.js";
import { page, run } from "./run.js";
import { difference, percent, points, wilson } from "./statistics.js";

const element = (id) => document.getElementById(id);
const charts = new RunCharts({ accuracy: element("accuracy"), loss: element("loss"), gap: element("gap") }, page.chance);

/** Epoch records from the page's columns. */
function* records({ epoch, lr, splits, running }) {
  for (let i = 0; i < epoch.length; i++) {
    const record = { epoch: epoch[i], lr: lr[i] };
    for (const [split, columns] of Object.entries(splits)) {
      if (columns.n[i] == null) continue;
      record[split] = { loss: columns.loss[i], correct: columns.correct[i], n: columns.n[i], accuracy: columns.accuracy[i] };
    }
    if (running[i] != null) record.running = { accuracy: running[i] };
    yield record;
  }
}

for (const record of records(page.history)) charts.add(record);
charts.best = page.best;
charts.paint();

run.addEventListener("epoch", ({ detail: record }) => {
  charts.add(record);
  charts.paint();
  showNumbers(record);
});
run.addEventListener("best", ({ detail: best }) => {
  charts.best = best;
  charts.paint();
});

/** The large numbers of an epoch, before the server's own rendering of them comes. */
function showNumbers(record) {
  const title = element("numbers-title");
  if (title) title.textContent = `After epoch ${record.epoch}`;
  for (const split of ["train", "val", "test"]) {
    const m = record[split];
    if (!m) continue;
    const counted = m.n > 0 && m.correct <= m.n;
    const [low, high] = wilson(m.correct, m.n);
    show(split, percent(m.accuracy), counted ? `${m.correct} of ${m.n}` : "", counted ? `${points(low)} to ${percent(high)}` : "");
  }
  const [other, word] = record.val ? [record.val, "validation"] : [record.test, "test"];
  const { train } = record;
  if (!train || !other) return;
  const [low, high] = train.n > 0 && other.n > 0 ? difference(train, other) : [];
  show("gap-val", `${points(train.accuracy - other.accuracy)} points`, `training − ${word}`, low == null ? "" : `${points(low)} to ${points(high)}`);
}

function show(key, value, count, interval) {
  const card = document.querySelector(`[data-number="${key}"]`);
  // Sealed figures have no place for a count.
  if (!card?.querySelector(".count")) return;
  card.querySelector(".value").textContent = value;
  card.querySelector(".count").textContent = count;
  card.querySelector(".interval").textContent = interval;
}
