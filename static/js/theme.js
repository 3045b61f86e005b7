// Sets the theme before the first paint, so that no page flashes; keeps the choice of light, dark or auto.
(() => {
  const KEY = "theme";
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

  function storedChoice() {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage is blocked: the choice lasts as long as the page
    }
  }

  let choice = storedChoice();

  function apply() {
    const dark = choice === "auto" ? systemIsDark.matches : choice === "dark";
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  }

  apply();
  systemIsDark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  window.addEventListener("storage", () => { choice = storedChoice(); apply(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    choice = button.dataset.themeChoice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // as above
    }
    apply();
  });
})();
