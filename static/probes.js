// Probes on a run's page: asked for without leaving it, and followed while one goes on.

import { paced } from "./figure.js";
import { refresh, replace } from "./live.js";
import { whileSeen } from "./stream.js";

const panel = () => document.getElementById("probes");
const update = paced(() => refresh(`${location.pathname}/parts${location.search}`).then(follow));
let stop = null;

/** Listens while a probe goes on: to its runs, and to the page's own, which is told when a chain moves on. */
function follow() {
  const going = panel().dataset.going != null;
  if (going && !stop) stop = whileSeen(listen);
  if (!going && stop) {
    stop();
    stop = null;
  }
}

function listen() {
  const stream = new EventSource("/api/v1/runs/events");
  stream.addEventListener("changed", (event) => {
    const { runs } = JSON.parse(event.data);
    const watched = [location.pathname.split("/").pop(), ...(panel().dataset.going ?? "").split(",")];
    // None named: some were missed.
    if (runs.length === 0 || runs.some((id) => watched.includes(String(id)))) update();
  });
  stream.addEventListener("open", update);
  return stream;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!panel().contains(form)) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  const failed = (message) => {
    document.getElementById("probes-error").textContent = message;
    button.disabled = false;
  };
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) return failed(fresh.querySelector("main .empty p")?.textContent ?? `The server answered with status ${answer.status}.`);
    replace(fresh);
    follow();
  } catch {
    failed("The connection broke off; try again.");
  }
});

follow();
