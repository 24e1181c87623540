// What pages follow: one stream says when runs or data have changed, and what to say at the top. A page whose `main` names
// them in `data-follows` is brought up to date as a whole; a script that wants to know more listens here.

import { refresh } from "./live.js";
import { whileSeen } from "./stream.js";

/** Milliseconds until the page is fetched again while something on it is under way, which `data-again` says. */
const AGAIN = 700;

/** Milliseconds that the next page may take to come. */
const LEAVING = 5000;

const listeners = { runs: new Set(), data: new Set() };

/**
 * Calls `then` when runs or data have changed, as `kinds` wants it: with the runs' ids where they are known. It is called
 * after a time without a connection, too, for something may have been missed.
 */
export function follow(kinds, then) {
  for (const kind of kinds) listeners[kind].add(then);
}

/** Does `work` whenever it is asked for: one time after the other, and with a pause that leaves the server time for others. */
export function repeated(work) {
  let [busy, wanted] = [false, false];
  return async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        const start = performance.now();
        await work();
        await new Promise((done) => setTimeout(done, Math.min(2000, 3 * (performance.now() - start))));
      }
    } finally {
      busy = false;
    }
  };
}

function notify(text) {
  const banner = document.getElementById("notice");
  banner.hidden = text == null;
  if (text != null) banner.querySelector("span").textContent = text;
}

// A page that is being left is not fetched again for a while: what it shows may be gone. A download leaves it in place.
let left = -Infinity;
addEventListener("beforeunload", () => (left = performance.now()));
async function stay() {
  const wait = left + LEAVING - performance.now();
  if (wait > 0) await new Promise((done) => setTimeout(done, wait));
}

const main = document.getElementById("main");
const followed = main.dataset.follows?.split(" ") ?? [];
if (followed.length > 0) {
  const update = repeated(async () => {
    await stay();
    const fresh = await refresh(location.href);
    if (fresh) document.title = fresh.title;
    if (document.querySelector("[data-again]") && !document.hidden) setTimeout(update, AGAIN);
  });
  // A page of some runs says which.
  const shows = (runs) => main.dataset.runs == null || main.dataset.runs.split(",").some((id) => runs.includes(Number(id)));
  follow(followed, (runs = []) => {
    if (runs.length === 0 || shows(runs)) update();
  });
}

whileSeen(() => {
  const stream = new EventSource("/events");
  const hear = (kind, then) => stream.addEventListener(kind, ({ data }) => then(JSON.parse(data)));
  hear("notice", ({ notice }) => notify(notice));
  hear("changed", ({ runs }) => listeners.runs.forEach((then) => then(runs)));
  hear("data", () => listeners.data.forEach((then) => then()));
  stream.addEventListener("open", () => new Set([...listeners.runs, ...listeners.data]).forEach((then) => then([])));
  return stream;
});
