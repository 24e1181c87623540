// The confusion matrix of the epoch and split that the reader chooses. At the newest epoch it follows the run.

import { paced } from "./figure.js";
import { refresh } from "./live.js";
import { page, run } from "./run.js";

const chooser = document.getElementById("matrix-form");
const { split, epoch } = chooser.elements;
const shown = document.getElementById("matrix-epoch");
/** The epoch that the reader chose; null while the matrix follows the newest one. */
let chosen = Number(epoch.value) < Number(epoch.max) ? epoch.value : null;

if (chosen == null) {
  // The address is what the parts are fetched from: it follows the run as well.
  const address = new URL(location.href);
  address.searchParams.delete("epoch");
  history.replaceState(null, "", address);
}

const draw = paced(() => refresh(`/runs/${page.id}/confusion?split=${split.value}&epoch=${epoch.value}`));

chooser.addEventListener("input", () => {
  chosen = Number(epoch.value) < Number(epoch.max) ? epoch.value : null;
  shown.textContent = epoch.value;
  // The address holds what is shown: a link shows the same.
  const address = new URL(location.href);
  address.searchParams.set("show", "matrix");
  address.searchParams.set("split", split.value);
  if (chosen == null) address.searchParams.delete("epoch");
  else address.searchParams.set("epoch", chosen);
  history.replaceState(null, "", address);
  draw();
});
chooser.addEventListener("submit", (event) => event.preventDefault());

run.addEventListener("epoch", ({ detail: record }) => {
  epoch.max = Math.max(Number(epoch.max), record.epoch);
  epoch.min = Math.max(1, Number(epoch.min));
  if (chosen != null) return;
  epoch.value = record.epoch;
  shown.textContent = record.epoch;
  draw();
});
