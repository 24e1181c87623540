// A run's page, live: one event stream feeds the charts at once and has the other parts brought up to date.

import { RunCharts } from "./curves.js";
import { paced } from "./figure.js";
import { refresh } from "./live.js";
import { share } from "./statistics.js";
import { whileSeen } from "./stream.js";

const page = JSON.parse(document.getElementById("run-data").textContent);
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

let seen = page.seq;
let status = page.status;
let epoch = 0;
for (const record of records(page.history)) {
  charts.add(record);
  epoch = record.epoch;
}
charts.best = page.best;
charts.paint();
entitle();

const partsUrl = `/runs/${page.id}/parts${location.search}`;
const update = paced(() => refresh(partsUrl).then(showMatrix));

function entitle() {
  const mark = { running: "▶", queued: "…", finished: "✓", stopped: "✓" }[status] ?? "✕";
  const how = status === "running" ? `${epoch}/${page.epochs}` : status;
  document.title = `${mark} ${how} · ${page.name} · Gapwatch`;
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
  charts.add(record);
  epoch = Math.max(epoch, record.epoch);
  charts.paint();
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
  const share = { training: 0.9, scoring: 0.99 }[phase] ?? 0;
  bar.value = phase === "examining" ? page.epochs : epoch - 1 + share * (of > 0 ? done / of : 0);
  element("progress-text").textContent =
    phase === "examining"
      ? `Looking at the trained network: ${done} of ${of} images`
      : `Epoch ${epoch} of ${page.epochs}: ${phase}, ${done} of ${of}`;
  if (left_s != null) element("time-left").textContent = `${duration(left_s)} left`;
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** The run's stream from the last event that was seen on. */
function listen() {
  const stream = new EventSource(`/api/v1/runs/${page.id}/events?after=${seen}`);
  const banner = element("lost");
  let quiet;
  const hear = (kind, then) =>
    stream.addEventListener(kind, (event) => {
      const seq = Number(event.lastEventId);
      if (event.lastEventId !== "" && kind !== "progress") {
        if (seq <= seen) return;
        seen = seq;
      }
      then(event.data ? JSON.parse(event.data) : {});
    });
  stream.addEventListener("open", () => {
    clearTimeout(quiet);
    banner.hidden = true;
  });
  stream.addEventListener("error", () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => (banner.hidden = false), 1500);
  });
  hear("epoch", onEpoch);
  hear("progress", onProgress);
  hear("log", update);
  hear("diagnosis", update);
  hear("best", (best) => {
    charts.best = best;
    charts.paint();
    update();
  });
  hear("status", (now) => {
    // Charts and files have more than they had.
    if (page.sealed && now.sealed === false) location.reload();
    status = now.status;
    page.name = now.name ?? page.name;
    entitle();
    update();
    say(`The run is ${status}. ${now.message ?? ""}`, true);
  });
  hear("end", () => {
    clearTimeout(quiet);
    banner.hidden = true;
    end();
    update();
  });
  return stream;
}

/** Out of view, a short call now and then keeps the tab's title true. */
async function glance() {
  if (!document.hidden) return;
  const answer = await fetch(`/api/v1/runs/${page.id}`).catch(() => null);
  if (!answer?.ok) return;
  const run = await answer.json();
  ({ status } = run);
  epoch = Math.max(epoch, run.epoch);
  entitle();
}

let end = () => {};
if (page.live) {
  const glances = setInterval(glance, 10_000);
  const stop = whileSeen(listen);
  end = () => {
    clearInterval(glances);
    stop();
  };
}

// The confusion matrix of the epoch and split that the reader chooses; at the newest epoch it follows the run.

const chooser = element("matrix-form");
let wanted = null;
chooser?.addEventListener("input", () => {
  wanted = Number(chooser.elements.epoch.value) < Number(chooser.elements.epoch.max) ? chooser.elements.epoch.value : null;
  element("matrix-epoch").textContent = chooser.elements.epoch.value;
  drawMatrix();
});
chooser?.addEventListener("submit", (event) => event.preventDefault());

const drawMatrix = paced(() => {
  const { split, epoch } = chooser.elements;
  return refresh(`/runs/${page.id}/confusion?split=${split.value}&epoch=${epoch.value}`);
});

function showMatrix() {
  if (!chooser || !epoch) return;
  const slider = chooser.elements.epoch;
  slider.max = epoch;
  if (wanted != null) return;
  slider.value = epoch;
  element("matrix-epoch").textContent = epoch;
  drawMatrix();
}
