// A file may be dropped anywhere on a form that takes a checkpoint; beside it a browser would leave the page for it.
(() => {
  "use strict";

  const SELECTOR = "form[data-checkpoint-form]";
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

  function markZone(event, isOver) {
    for (const zone of document.querySelectorAll("[data-file-card]")) {
      zone.classList.toggle("is-over", isOver && zone.closest(SELECTOR).contains(event.target));
    }
  }

  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event) || !document.querySelector(SELECTOR)) return;
    event.preventDefault();
    markZone(event, true);
  });
  document.addEventListener("dragleave", (event) => markZone(event, false));
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event) || !document.querySelector(SELECTOR)) return;
    event.preventDefault();
    markZone(event, false);
    const input = event.target.closest?.(SELECTOR)?.elements.checkpoint;
    if (!input || input.disabled) return;
    const first = new DataTransfer();
    first.items.add(event.dataTransfer.files[0]);
    input.files = first.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
