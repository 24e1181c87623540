// Sending a history with progress, without losing the files that were chosen; the answer's parts take their places.

import { replace } from "./live.js";

const form = document.getElementById("history-form");
const [send, stop, sending, sent, text] = ["send", "stop", "sending", "sent", "sent-text"].map((id) => document.getElementById(id));

function mark() {
  for (const error of form.querySelectorAll(".error[data-for]")) {
    const field = form.elements[error.dataset.for];
    if (error.textContent.trim()) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

function busy(is) {
  send.disabled = is;
  stop.hidden = sending.hidden = !is;
}

function problem(message) {
  const box = document.createElement("div");
  box.className = "callout bad";
  box.append(Object.assign(document.createElement("p"), { textContent: message }));
  document.getElementById("problems").replaceChildren(box);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  document.getElementById("problems").replaceChildren();
  busy(true);
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    sent.max = total;
    sent.value = loaded;
    text.textContent = loaded < total ? `${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB` : "Sent; the server looks at it…";
  });
  request.addEventListener("loadend", () => busy(false));
  request.addEventListener("error", () => problem("The connection broke off. Nothing was kept; try again."));
  request.addEventListener("load", () => {
    const fresh = new DOMParser().parseFromString(request.responseText, "text/html");
    if (!fresh.getElementById("history-form")) {
      problem(fresh.querySelector("main")?.textContent.trim() || `The server answered with status ${request.status}.`);
      return;
    }
    replace(fresh);
    mark();
    // Here the chosen files are still chosen, so there is nothing to choose again.
    const wrong = form.querySelector("[aria-invalid]");
    if (wrong) problem("There is no diagnosis yet: see what is said beside the fields.");
    (wrong ?? document.getElementById("result")).focus();
  });
  stop.onclick = () => request.abort();
  request.open("POST", "/diagnose");
  request.setRequestHeader("accept", "text/html");
  request.send(new FormData(form));
});

form.querySelector("[aria-invalid]")?.focus();
