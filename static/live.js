// Parts of a page brought up to date from the server's own rendering, without losing what the reader has typed or open.

/** The rendering that a part was made from: what scripts did to it since does not make it old. */
const shown = new WeakMap();

/**
 * Brings every element with `data-live` and an id up to date from the one of the same id in the page at `url`. Gives that
 * page, or null if it did not come or is no longer wanted.
 */
export async function refresh(url, request = {}, wanted = () => true) {
  const answer = await fetch(url, { ...request, headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return null;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!wanted()) return null;
  replace(fresh);
  return fresh;
}

/** The same with a page that is there already. */
export function replace(fresh) {
  const focused = document.activeElement;
  for (const part of fresh.querySelectorAll("[data-live][id]")) {
    const old = document.getElementById(part.id);
    const source = part.outerHTML;
    if (!old || old.hasAttribute("data-kept") || shown.get(old) === source || old.outerHTML === source) continue;
    fit(old, part);
    shown.set(old, source);
  }
  if (document.activeElement !== focused) {
    const again = focused.isConnected ? focused : focused.id && document.getElementById(focused.id);
    again?.focus?.({ preventScroll: true });
  }
  localiseTimes();
  document.dispatchEvent(new Event("refreshed"));
}

/** What makes an element this one and no other of its kind: rows of a list, choices and boxes. */
function identity(element) {
  const id = element.getAttribute("id");
  if (id) return id;
  if (element.localName === "option") return element.value;
  if (element.localName === "input") return `${element.name} ${["checkbox", "radio"].includes(element.type) ? element.value : ""}`;
  return "";
}

const alike = (one, other) =>
  one.nodeName === other.nodeName && (one.nodeType !== Node.ELEMENT_NODE || identity(one) === identity(other));

/**
 * Makes one element what another is. What they have in common stays in place: with what is typed, ticked, chosen, open and
 * focused in it. An element with `data-kept` belongs to its script and is left alone.
 */
function fit(old, next) {
  if (old.hasAttribute("data-kept")) return;
  for (const { name, value } of next.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  let place = old.firstChild;
  for (const wanted of next.childNodes) {
    let found = place;
    while (found && !alike(found, wanted)) found = found.nextSibling;
    if (!found) {
      // The fresh page keeps its own copy, for the one who asked.
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else old.insertBefore(found, place);
    if (found.nodeType !== Node.ELEMENT_NODE) {
      if (found.nodeValue !== wanted.nodeValue) found.nodeValue = wanted.nodeValue;
    } else if (found.localName !== "svg") {
      fit(found, wanted);
    } else if (found.outerHTML !== wanted.outerHTML) {
      found.replaceWith(document.importNode(wanted, true));
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
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
