// Uploading by drag and drop, with progress.

const form = document.getElementById("upload");
if (form) {
  const [file, error, sending, sent, text, send] = ["file", "upload-error", "sending", "sent", "sent-text", "send"].map((id) => document.getElementById(id));
  const drop = document.getElementById("drop");
  document.getElementById("drop-hint").hidden = false;

  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  drop.addEventListener("dragover", over(true));
  drop.addEventListener("dragleave", over(false));
  drop.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length === 1) file.files = event.dataTransfer.files;
    else error.textContent = "Drop one archive or .npz. For a folder, make a .zip of it first.";
  });
  file.addEventListener("change", () => (error.textContent = ""));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    error.textContent = "";
    sending.hidden = false;
    send.disabled = true;
    const request = new XMLHttpRequest();
    const failed = (message) => {
      error.textContent = message;
      sending.hidden = true;
      send.disabled = false;
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      sent.max = total;
      sent.value = loaded;
      text.textContent = loaded < total ? `${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB` : "Sent; the server looks at it…";
    });
    request.addEventListener("error", () => failed("The connection broke off. Nothing was kept; try again."));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // Answered by something else than Gapwatch: the status has to do.
      }
      if (request.status === 201) location.assign(`/uploads/${answer.id}`);
      else failed(answer.detail ?? `The server answered with status ${request.status}.`);
    });
    request.open("POST", "/api/v1/uploads");
    request.setRequestHeader("accept", "application/json");
    request.send(new FormData(form));
  });
}
