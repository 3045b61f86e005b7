// Source texts: the language that was chosen last, and the Playground's own, which follow its form while they are open.
(() => {
  "use strict";

  const LANGUAGE_KEY = "api-example-language";
  const PAUSE_MS = 500;

  // --- The language that was chosen last -----------------------------------------------------------------------

  function chosenLanguage() {
    try { return localStorage.getItem(LANGUAGE_KEY); } catch { return null; }
  }

  function remember(language) {
    try { localStorage.setItem(LANGUAGE_KEY, language); } catch { /* not kept where storage is off */ }
  }

  function showChosen(list) {
    const radio = [...list.querySelectorAll("input[type=radio]")].find(({ value }) => value === chosenLanguage());
    if (radio) radio.checked = true;
  }

  document.addEventListener("change", ({ target }) => {
    if (target.closest("[data-languages]") && target.type === "radio") remember(target.value);
  });
  // htmx tells of what it loaded, which may be the list itself.
  document.addEventListener("htmx:load", ({ target }) => {
    for (const list of [target, ...target.querySelectorAll("[data-languages]")]) if (list.matches("[data-languages]")) showChosen(list);
  });
  document.querySelectorAll("[data-languages]").forEach(showChosen);

  // --- Those of the form ---------------------------------------------------------------------------------------

  const panel = document.querySelector("details[data-snippets]");
  if (!panel) return;
  let timer;

  function follow(pause) {
    clearTimeout(timer);
    if (!panel.open) return;
    panel.querySelector("#snippets").setAttribute("aria-busy", "true");
    timer = setTimeout(() => htmx.trigger("#snippets", "form-changed"), pause);
  }

  panel.addEventListener("toggle", () => follow(0));
  for (const type of ["input", "change"]) {
    document.addEventListener(type, ({ target }) => {
      if (target.closest("#generate")) follow(PAUSE_MS);
    });
  }
  document.body.addEventListener("price-changed", () => follow(PAUSE_MS));
  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id === "generate" || target.id === "parameters") follow(0);
  });
  // What is swapped in may be open already, as a browser restores it.
  follow(0);
})();
