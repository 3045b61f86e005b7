// Presets: one that is laid in is told of, and leaves a typed prompt alone where it holds none.
(() => {
  "use strict";

  const form = () => document.getElementById("generate");
  const prompt = () => form()?.elements.namedItem("prompt");
  let applied = null; // the name of the preset that is on its way, and what was typed before it

  // A preset holds no reference images: those that are laid in stay.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.dataset.preset === undefined) return;
    for (const value of new FormData(form()).getAll("references")) detail.formData.append("references", value);
  });

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const name = detail.requestConfig?.elt.dataset.preset;
    if (name && detail.shouldSwap && detail.target.id === "generate") applied = { name, typed: prompt().value };
  });

  document.addEventListener("htmx:load", (event) => {
    if (event.target.id !== "generate" || !applied) return;
    const { name, typed } = applied;
    applied = null;
    if (!prompt().value && typed) {
      prompt().value = typed;
      prompt().dispatchEvent(new Event("input", { bubbles: true }));
    }
    // The menu closed over the link that had the focus. A field that is wrong keeps it.
    if (document.activeElement === document.body) form().querySelector(".preset-menu > summary").focus({ preventScroll: true });
    document.getElementById("announcement").textContent = `The form is filled in from ${name}.`;
  });
})();
