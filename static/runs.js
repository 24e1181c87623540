// The list of runs, filtered as one chooses.

import "./chosen.js";

document.addEventListener("change", ({ target }) => {
  if (target.form?.id === "filters") target.form.requestSubmit();
});

// What is empty is left out of the address.
document.addEventListener("formdata", ({ target, formData }) => {
  if (target.id !== "filters") return;
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});
