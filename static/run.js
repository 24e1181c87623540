// What every section of a run's page does: it follows the run's events, keeps the parts up to date, and names the tab.

import { paced } from "./figure.js";
import { refresh } from "./live.js";
import { share } from "./statistics.js";
import { whileSeen } from "./stream.js";

/** What the server rendered the page with. */
export const page = JSON.parse(document.getElementById("run-data").textContent);

const element = (id) => document.getElementById(id);
const OVER = ["finished", "stopped", "cancelled", "failed", "diverged"];
/** The overview has an address for its parts alone: its own has the whole history in it. */
const partsUrl = () => (location.pathname === `/runs/${page.id}` ? `/runs/${page.id}/parts` : location.href);

/** Events of the run go to this target: `epoch` and `best` with their data as `detail`, `refreshed` after the parts came. */
export const run = new EventTarget();
const announce = (kind, detail) => run.dispatchEvent(new CustomEvent(kind, { detail }));

let seen = page.seq;
let status = page.status;
let epoch = 0;

/** Brings the parts of the page up to date, soon. */
export const update = paced(async () => {
  const fresh = await refresh(partsUrl());
  if (!fresh) return leaveIfGone();
  const now = JSON.parse(fresh.getElementById("run-data").textContent);
  // Their layout depends on what may be shown.
  if (page.sealed && !now.sealed) return location.reload();
  page.name = now.name;
  status = now.status;
  epoch = Math.max(epoch, now.epoch);
  entitle();
  showNotice(fresh);
  listen();
  announce("refreshed", now);
});

/** A run that was deleted has no page any more: the server says that better than buttons that do nothing. */
async function leaveIfGone() {
  const there = await fetch(`/api/v1/runs/${page.id}`).catch(() => null);
  if (there?.status === 404) location.reload();
}

/** What every page says at its top comes with the parts. */
function showNotice(fresh) {
  const [shown, now] = [element("notice"), fresh.getElementById("notice")];
  shown.hidden = now.hidden;
  shown.querySelector("span").textContent = now.querySelector("span").textContent;
}

function entitle() {
  const mark = { running: "▶", queued: "…", finished: "✓", stopped: "✓" }[status] ?? "✕";
  const how = status === "running" ? `${epoch}/${page.epochs}` : status;
  document.title = `${mark} ${how} · ${page.name || `Run ${page.id}`} · Gapwatch`;
}

let saidAt = 0;
/** For screen readers: every change of status, and an epoch at most every quarter of a minute. */
function say(text, always) {
  const now = Date.now();
  if (!always && now - saidAt < 15000) return;
  saidAt = now;
  element("said").textContent = text;
}

function onEpoch(record) {
  epoch = Math.max(epoch, record.epoch);
  announce("epoch", record);
  onProgress({ epoch: record.epoch + 1, phase: "", done: 0, of: 1 });
  update();
  entitle();
  const figures = [["train", "training"], ["val", "validation"], ["test", "test"]]
    .filter(([split]) => record[split])
    .map(([split, word]) => `${word} ${share(record[split])}`);
  say(`Epoch ${record.epoch} of ${page.epochs}: ${figures.join(", ")}`, false);
}

function onProgress({ epoch, phase, done, of, left_s }) {
  const bar = element("progress-bar");
  if (!bar) return;
  const within = { training: 0.9, scoring: 0.99 }[phase] ?? 0;
  bar.value = phase === "examining" ? page.epochs : epoch - 1 + within * (of > 0 ? done / of : 0);
  const text = {
    examining: `examining the trained network: ${done} of ${of} images`,
    "": `epoch ${epoch - 1} of ${page.epochs}`,
  };
  element("progress-text").textContent = text[phase] ?? `epoch ${epoch} of ${page.epochs}: ${phase}, ${done} of ${of}`;
  if (left_s != null) element("time-left").textContent = `${duration(left_s)} left`;
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** Milliseconds without a connection until the page says so. */
const SILENCE = 1500;
let silent;

/** The connection is there, or none is needed. */
function calm() {
  clearTimeout(silent);
  silent = undefined;
  element("lost").hidden = true;
}

/** Says on the page when a stream has been lost for too long, however often the browser tries to reach the server. */
function watched(stream) {
  stream.addEventListener("open", calm);
  stream.addEventListener("error", () => {
    silent ??= setTimeout(() => (element("lost").hidden = OVER.includes(status) || document.hidden), SILENCE);
    if (stream.readyState === EventSource.CLOSED) update();
  });
  return stream;
}

/** The run's stream from the last event that was seen on. */
function ownEvents() {
  const stream = watched(new EventSource(`/api/v1/runs/${page.id}/events?after=${seen}`));
  const hear = (kind, then) =>
    stream.addEventListener(kind, (event) => {
      const seq = Number(event.lastEventId);
      if (event.lastEventId !== "" && kind !== "progress") {
        if (seq <= seen) return;
        seen = seq;
      }
      then(event.data ? JSON.parse(event.data) : {});
    });
  hear("epoch", onEpoch);
  hear("progress", onProgress);
  hear("log", update);
  hear("diagnosis", update);
  hear("best", (best) => {
    announce("best", best);
    update();
  });
  hear("status", (now) => {
    if (page.sealed && now.sealed === false) return location.reload();
    status = now.status;
    page.name = now.name ?? page.name;
    entitle();
    update();
    say(`The run is ${status}. ${now.message ?? ""}`, true);
  });
  hear("end", update);
  stream.addEventListener("open", update);
  return stream;
}

/** What belongs to this page of all that changes: the run, and the runs of its probes and remedies that go on. */
function concerns(runs) {
  const going = [...document.querySelectorAll("[data-going]")].flatMap((part) => part.dataset.going.split(","));
  return runs.length === 0 || runs.some((id) => id === page.id || going.includes(String(id)));
}

let stop = null;
let followsChanges = false;
/**
 * Listens to the run's own events while it goes on. Once it is over, what every page follows is enough: probes and
 * remedies of it, inspections of its images, a resumption.
 */
async function listen() {
  if (!OVER.includes(status)) {
    stop ??= whileSeen(ownEvents);
    return;
  }
  stop?.();
  stop = null;
  calm();
  if (followsChanges) return;
  followsChanges = true;
  const { follow } = await import("./follow.js");
  follow(["runs", "data"], (runs = []) => concerns(runs) && update());
}

/** Out of view, a short call now and then keeps the tab's title true. */
async function glance() {
  if (!document.hidden || OVER.includes(status)) return;
  const answer = await fetch(`/api/v1/runs/${page.id}`).catch(() => null);
  if (!answer?.ok) return;
  const now = await answer.json();
  ({ status } = now);
  epoch = Math.max(epoch, now.epoch);
  entitle();
}

// The section's own scripts are to hear every event: they are all there by then.
document.addEventListener("DOMContentLoaded", () => {
  epoch = Math.max(epoch, page.epoch);
  entitle();
  listen();
  setInterval(glance, 10_000);
});
