// Parts of a page brought up to date from the server's own rendering, without losing what the reader has open or chosen.

/** The rendering that a part was made from: what scripts did to it since does not make it old. */
const shown = new WeakMap();

/**
 * Replaces every element with `data-live` and an id by the one of the same id in the page at `url`. Gives that page, or
 * null where it did not come or is no longer wanted.
 */
export async function refresh(url, request = {}, wanted = () => true) {
  const answer = await fetch(url, { ...request, headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return null;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!wanted()) return null;
  replace(fresh);
  return fresh;
}

/** The same with a page that is there already. Scripts that follow a part hear `replaced`. */
export function replace(fresh) {
  for (const part of fresh.querySelectorAll("[data-live][id]")) {
    const old = document.getElementById(part.id);
    const source = part.outerHTML;
    if (!old || shown.get(old) === source || old.outerHTML === source) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    // The fresh page keeps its own copy, for the one who asked.
    const next = document.importNode(part, true);
    keep(old, next);
    old.replaceWith(next);
    shown.set(next, source);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
  localiseTimes();
  document.dispatchEvent(new Event("replaced"));
}

/** Details stay open or closed, and boxes ticked, as the reader has them. */
function keep(old, part) {
  for (const details of old.querySelectorAll("details[id]")) {
    const again = part.querySelector(`#${CSS.escape(details.id)}`);
    if (again) again.open = details.open;
  }
  for (const box of old.querySelectorAll("input[type=checkbox]:checked")) {
    const again = part.querySelector(`input[name="${CSS.escape(box.name)}"][value="${CSS.escape(box.value)}"]`);
    if (again) again.checked = true;
  }
}

/** Times are rendered in UTC; readers see their own. */
export function localiseTimes() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    time.dataset.local = "";
    time.title = at.toLocaleString();
    time.textContent = at.toLocaleString(undefined, time.hasAttribute("data-clock") ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
  }
}

localiseTimes();
