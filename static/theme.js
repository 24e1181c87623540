// Light, dark, or as the system has it: applied before the page is painted, and switched by a button.

{
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];

  function stored() {
    try {
      const theme = localStorage.getItem("theme");
      return themes.includes(theme) ? theme : "auto";
    } catch {
      return "auto"; // A browser that refuses storage still shows pages.
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[theme];
      button.setAttribute("aria-label", `Colours: ${theme}. Press to change.`);
    }
    root.dispatchEvent(new Event("themechange"));
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    apply(stored());
    document.getElementById("theme")?.addEventListener("click", () => {
      const next = themes[(themes.indexOf(stored()) + 1) % themes.length];
      try {
        localStorage.setItem("theme", next);
      } catch {
        // Nothing to keep it in: it holds for this page.
      }
      apply(next);
    });
  });
}
