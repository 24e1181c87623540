// The list of runs: kept up to date, filtered as one chooses.

import { count } from "./chosen.js";
import { paced } from "./figure.js";
import { refresh } from "./live.js";
import { whileSeen } from "./stream.js";

const filters = document.getElementById("filters");
filters?.addEventListener("change", () => filters.requestSubmit());

// What is empty is left out of the address.
filters?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

const update = paced(() => refresh(location.href).then(count));
whileSeen(() => {
  const stream = new EventSource("/api/v1/runs/events");
  stream.addEventListener("changed", update);
  // While there was no connection something may have been missed.
  stream.addEventListener("open", update);
  return stream;
});
