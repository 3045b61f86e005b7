// The list of shortcuts: a button and the key "?" open it, and Macs read their own names.
(() => {
  "use strict";

  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  const KEY_OFF = "shortcuts-key-off";
  const FIELDS = "input, textarea, select, [contenteditable]";
  const OPEN = "dialog[open], .modal.show, .offcanvas.show";
  const choice = dialog.querySelector("[data-shortcuts-key]");

  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    for (const key of dialog.querySelectorAll("[data-mac]")) key.textContent = key.dataset.mac;
  }

  // A key alone can be pressed by mistake, or by a voice; whoever it disturbs takes it away.
  choice.checked = localStorage.getItem(KEY_OFF) === null;
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(KEY_OFF);
    else localStorage.setItem(KEY_OFF, "");
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!choice.checked || event.target.closest(FIELDS) || document.querySelector(OPEN)) return;
    event.preventDefault();
    dialog.showModal();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-shortcuts-open]")) dialog.showModal();
    else if (event.target === dialog || event.target.closest("[data-shortcuts-close]")) dialog.close();
  });
})();
