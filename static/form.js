// The form of a new run: checked as one types, the fields that one has not touched following network and dataset, and
// the address holding those that one has.

import { follow } from "./follow.js";
import { refresh } from "./live.js";

const form = document.getElementById("form");
const fields = [...form.elements].filter((field) => field.name);
const touched = new Set(new URLSearchParams(location.search).keys());
// Not `form.dataset`: that is the field of this name.
if (form.hasAttribute("data-posted")) for (const field of fields) touched.add(field.name);
if (form.elements.from.value) touched.add("from");
// A preset in the address has filled the fields of augmentation: they count from now on.
if (touched.delete("augmentation")) for (const { name } of fields) if (name.startsWith("augment_")) touched.add(name);

/** What is filled in by hand, and what decides the rest. */
function given() {
  const query = new URLSearchParams();
  for (const { name, value } of fields) if (touched.has(name) && value !== "") query.set(name, value);
  return query;
}

/** Opens every part that a field is folded in. */
function unfold(field) {
  for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
}

/** Shows the fields that the chosen optimizer, network and so on have. */
function reveal() {
  for (const part of form.querySelectorAll("[data-when]")) {
    const [name, value] = part.dataset.when.split("=");
    part.hidden = !value.split("|").includes(form.elements[name].value);
  }
  for (const error of form.querySelectorAll(".error[data-for]")) {
    const field = form.elements[error.dataset.for];
    if (error.textContent) {
      field.setAttribute("aria-invalid", "true");
      unfold(field);
    } else field.removeAttribute("aria-invalid");
  }
}

let round = 0;
async function check() {
  const mine = ++round;
  const query = given().toString();
  const body = new URLSearchParams(query);
  // The dataset that is shown stays, also when a newer one has become ready.
  if (form.elements.dataset.value) body.set("dataset", form.elements.dataset.value);
  const fresh = await refresh("/runs/new/check", { method: "POST", body }, () => mine === round);
  if (!fresh) return;
  for (const field of fields) {
    if (touched.has(field.name) || field === document.activeElement) continue;
    const again = fresh.querySelector(`#form [name="${field.name}"]`);
    if (again && field.value !== again.value) field.value = again.value;
  }
  reveal();
  // Long layers would make an address that servers refuse: they are kept in the page alone.
  if (query.length < 6000) history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

let timer;
form.addEventListener("input", (event) => {
  const { name } = event.target;
  touched.add(name);
  document.getElementById("problems").removeAttribute("data-kept");
  // Another network or optimizer has settings of its own.
  if (name === "model" && event.target.value === "own") touched.add("layers");
  if (name === "model" && event.target.value !== "own") touched.delete("layers");
  if (name === "schedule") for (const other of fields) if (other.closest("#options-schedule") && other.name !== name && other.name !== "warm_up") touched.delete(other.name);
  if (name === "optimizer") for (const other of ["lr", "momentum", "weight_decay", "nesterov"]) touched.delete(other);
  reveal();
  clearTimeout(timer);
  timer = setTimeout(check, 200);
});

// A preset of augmentation fills its fields and steps back: what counts is what stands in them.
const preset = form.elements.augmentation;
preset.addEventListener("change", () => {
  const filled = JSON.parse(preset.selectedOptions[0].dataset.fields ?? "{}");
  preset.value = "";
  touched.delete("augmentation");
  for (const [name, value] of Object.entries(filled)) {
    form.elements[name].value = value;
    touched.add(name);
  }
  document.getElementById("augment-operations").open = true;
  check();
});

// A field that is emptied takes its default again.
form.addEventListener("change", (event) => {
  if (event.target.value === "" && event.target.name !== "notes" && event.target.name !== "name" && event.target.name !== "tags") {
    touched.delete(event.target.name);
    check();
  }
});

// A browser can point at a field that is wrong only where it is seen.
form.addEventListener("invalid", ({ target }) => unfold(target), true);

form.addEventListener("submit", () => (document.getElementById("launch").disabled = true));
addEventListener("pageshow", () => (document.getElementById("launch").disabled = false));

// Datasets come and go while the form is filled in.
follow(["data"], check);

reveal();
form.querySelector("[aria-invalid]")?.focus();
