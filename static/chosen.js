// Buttons that want some runs to be ticked first: `data-needs` says how many.

/** Lets a button be pressed when enough is ticked. */
function count() {
  const chosen = document.querySelectorAll("input[name=runs]:checked").length;
  for (const button of document.querySelectorAll("[data-needs]")) button.disabled = chosen < Number(button.dataset.needs);
}

document.addEventListener("change", count);
document.addEventListener("refreshed", count);
count();
