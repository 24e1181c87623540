// Classifying images that are dropped, pasted or chosen: the server's page has the answers, and they are put in place here.

import { replace } from "./live.js";

const form = document.getElementById("classify");
if (form) {
  const files = document.getElementById("images");
  const error = document.getElementById("classify-error");
  const button = form.querySelector("button");
  document.getElementById("classify-hint").hidden = false;

  async function send() {
    error.textContent = "";
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { accept: "text/html" } });
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
    files.files = taken.files;
    send();
  }

  const over = (is) => (event) => {
    event.preventDefault();
    form.classList.toggle("over", is);
  };
  form.addEventListener("dragover", over(true));
  form.addEventListener("dragleave", over(false));
  form.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.files;
    if (pasted?.length) take(pasted);
  });
  files.addEventListener("change", () => files.files.length && send());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
}
