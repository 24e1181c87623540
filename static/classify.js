// Classifying images that are dropped, pasted or chosen: the server's page has the answers, and they are put in place here.

import { replace } from "./live.js";

// The form comes with the first checkpoint, and may come after this script.
const form = () => document.getElementById("classify");
const files = () => document.getElementById("images");

/** Says how images can be given, once the form is there. */
function invite() {
  const hint = document.getElementById("classify-hint");
  if (hint) hint.hidden = false;
}
invite();
document.addEventListener("refreshed", invite);

async function send() {
  const sent = form();
  const error = document.getElementById("classify-error");
  const button = sent.querySelector("button");
  error.textContent = "";
  button.disabled = true;
  try {
    const answer = await fetch(sent.action, { method: "POST", body: new FormData(sent), headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok) {
      replace(fresh);
      document.getElementById("classified").focus();
    } else {
      error.textContent = fresh.querySelector("main p")?.textContent ?? `The server answered with status ${answer.status}.`;
    }
  } catch {
    error.textContent = "The connection broke off; try again.";
  } finally {
    button.disabled = false;
  }
}

function take(list) {
  const taken = new DataTransfer();
  for (const file of list) taken.items.add(file);
  files().files = taken.files;
  send();
}

const over = (is) => (event) => {
  const at = event.target.closest?.("#classify");
  if (!at) return false;
  event.preventDefault();
  at.classList.toggle("over", is);
  return true;
};
document.addEventListener("dragover", over(true));
document.addEventListener("dragleave", over(false));
document.addEventListener("drop", (event) => {
  if (over(false)(event) && event.dataTransfer.files.length) take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const pasted = event.clipboardData?.files;
  if (form() && pasted?.length) take(pasted);
});
document.addEventListener("change", (event) => {
  if (event.target === files() && files().files.length) send();
});
document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  send();
});
