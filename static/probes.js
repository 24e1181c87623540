// Tests and remedies that are started from a run's answer, or from its probes, without leaving the page.

import { replace } from "./live.js";
import { update } from "./run.js";

const parts = () => ["answer", "probes"].map((id) => document.getElementById(id)).filter((part) => part != null);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const part = parts().find((part) => part.contains(form));
  if (!part || form.dataset.leaves != null) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  const failed = (message) => {
    document.getElementById(`${part.id}-error`).textContent = message;
    button.disabled = false;
  };
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) return failed(fresh.querySelector("main .empty p")?.textContent ?? `The server answered with status ${answer.status}.`);
    // A page of another address says nothing of this one.
    if (new URL(answer.url).pathname === location.pathname) replace(fresh);
    update();
  } catch {
    failed("The connection broke off; try again.");
  }
});
