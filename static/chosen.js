// Buttons that want some runs to be ticked first: `data-needs` says how many.

const buttons = document.querySelectorAll("[data-needs]");

/** Lets a button be pressed when enough is ticked. */
export function count() {
  const chosen = document.querySelectorAll("input[name=runs]:checked").length;
  for (const button of buttons) button.disabled = chosen < Number(button.dataset.needs);
}

document.addEventListener("change", count);
count();
