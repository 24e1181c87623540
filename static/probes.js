// The answer and the probes on a run's page: tests and remedies are started without leaving it, and followed while they go on.

import { paced } from "./figure.js";
import { refresh, replace } from "./live.js";
import { whileSeen } from "./stream.js";

/** Milliseconds until the server is asked again for what it tells nobody by itself. */
const AGAIN = 2000;

const parts = () => ["answer", "probes"].map((id) => document.getElementById(id)).filter((part) => part != null);
const fetchParts = () => refresh(`/runs/${run}/parts${location.search}`);
const update = paced(fetchParts);
const run = location.pathname.split("/")[2];
let stop = null;
let later = null;

/** Listens while a test goes on: to its runs, and to the page's own, which is told when a chain moves on. */
function follow() {
  const going = parts().some((part) => part.dataset.going != null);
  if (going && !stop) stop = whileSeen(listen);
  if (!going && stop) {
    stop();
    stop = null;
  }
  clearTimeout(later);
  if (parts().some((part) => part.dataset.waits != null)) later = setTimeout(update, AGAIN);
}

function listen() {
  const stream = new EventSource("/api/v1/runs/events");
  stream.addEventListener("changed", (event) => {
    const { runs } = JSON.parse(event.data);
    const watched = [run, ...parts().flatMap((part) => (part.dataset.going ?? "").split(","))];
    // None named: some were missed.
    if (runs.length === 0 || runs.some((id) => watched.includes(String(id)))) update();
  });
  stream.addEventListener("open", update);
  return stream;
}

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
    else await fetchParts();
  } catch {
    failed("The connection broke off; try again.");
  }
});

document.addEventListener("replaced", follow);
follow();
