// The model picker: a button in the place of the select, and over the page a list with a search, walked by keyboard.
(() => {
  "use strict";

  const dialog = document.getElementById("picker");
  if (!dialog) return;
  const PAGE = 8; // options that Page Up and Page Down pass over
  const GAP = 6; // px between the button and the list
  const EDGE = 8; // px that the list keeps from the window's edge
  const [WIDTH, HEIGHT] = [448, 576]; // px, as far as the window has them
  const search = dialog.querySelector("[data-picker-search]");
  const results = dialog.querySelector("[data-picker-results]");
  const closer = dialog.querySelector("[data-picker-close]");
  const select = () => document.getElementById("id_model");
  const button = () => document.getElementById("model-button");
  const options = () => [...results.querySelectorAll("[role=option]")];

  // --- The button in the place of the select -------------------------------------------------------------------

  function enhance() {
    if (!button()) return;
    document.querySelector("[data-picker-plain]").hidden = true;
    document.getElementById("model-label").htmlFor = button().id;
    button().hidden = false;
  }

  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id !== "generate") return;
    enhance();
    if (target.querySelector("#refusal, [aria-invalid=true]") === select()) button().focus(); // it is the first that is wrong
  });

  // --- Opening and closing --------------------------------------------------------------------------------------

  // Where the window is wide; on a phone the style makes it a sheet.
  function place() {
    const box = button().getBoundingClientRect();
    const width = Math.min(Math.max(box.width, WIDTH), innerWidth - 2 * EDGE);
    const height = Math.min(HEIGHT, innerHeight - 2 * EDGE);
    const left = Math.max(EDGE, Math.min(box.left, innerWidth - width - EDGE));
    const top = Math.max(EDGE, Math.min(box.bottom + GAP, innerHeight - height - EDGE));
    for (const [name, value] of Object.entries({ width, height, left, top })) dialog.style.setProperty(`--picker-${name}`, `${value}px`);
  }

  function open() {
    if (dialog.open) return;
    dialog.showModal();
    place();
    button().setAttribute("aria-expanded", "true");
    // A finger opens it to look; a keyboard on the screen would hide half of the list.
    (matchMedia("(hover: none)").matches ? closer : search).focus();
    load();
  }

  function load() {
    waitForList();
    htmx.trigger(search, "refresh");
  }

  dialog.addEventListener("close", () => {
    htmx.trigger(search, "htmx:abort");
    isEntered = false;
    if (search.value) results.replaceChildren();
    search.value = "";
    button().setAttribute("aria-expanded", "false");
    button().focus();
  });

  for (const type of ["resize", "scroll"]) addEventListener(type, () => dialog.open && place(), { passive: true });

  // --- The list as it comes -------------------------------------------------------------------------------------

  let isEntered = false; // Enter was pressed before the list for what was typed was here
  let above = null; // the option before "Show more", which is replaced by what follows

  function waitForList() {
    results.setAttribute("aria-busy", "true");
    search.setAttribute("aria-expanded", String(options().length > 0));
    activate(null);
  }

  function markPicked() {
    for (const option of options()) option.setAttribute("aria-selected", String(option.dataset.value === select().value));
  }

  function showList() {
    const picked = options().find((option) => option.dataset.value === select().value);
    search.setAttribute("aria-expanded", String(options().length > 0));
    activate((!search.value && picked) || options()[0]);
    if (isEntered) choose(active());
    isEntered = false;
  }

  dialog.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt !== search) above = detail.elt.previousElementSibling;
  });

  dialog.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) return;
    results.removeAttribute("aria-busy");
    markPicked();
    if (detail.elt === search) showList();
    else activate(above?.nextElementSibling);
  });

  // The shell's own message stands beneath the dialog.
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    dialog.addEventListener(failure, () => {
      isEntered = false;
      results.removeAttribute("aria-busy");
      document.getElementById("picker-hits").textContent = "The list could not be loaded. Try again.";
    });
  }

  // --- Walking and picking --------------------------------------------------------------------------------------

  const active = () => results.querySelector("[data-active]");

  function activate(option) {
    delete active()?.dataset.active;
    search.removeAttribute("aria-activedescendant");
    if (!option) return;
    option.dataset.active = "";
    search.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function walk(to) {
    const all = options();
    activate(all[Math.max(0, Math.min(to(all.indexOf(active()), all.length), all.length - 1))]);
  }

  const WAYS = {
    ArrowDown: (at) => at + 1,
    ArrowUp: (at) => at - 1,
    PageDown: (at) => at + PAGE,
    PageUp: (at) => at - PAGE,
    Home: () => 0,
    End: (at, count) => count,
  };

  function choose(option) {
    if (option?.dataset.value === undefined) return option?.click();
    const { value, name, trigger } = option.dataset;
    const plain = select();
    const isOther = plain.value !== value;
    if (![...plain.options].some((each) => each.value === value)) {
      plain.add(new Option(name, value));
      plain.options[plain.options.length - 1].dataset.trigger = trigger;
    }
    plain.value = value;
    // At once, so that it is said when the focus comes back; the server's answer brings it too, whoever changed the select.
    document.getElementById("model-picked").replaceChildren(option.querySelector(".picker-face").cloneNode(true));
    dialog.close();
    if (isOther) plain.dispatchEvent(new Event("change", { bubbles: true }));
  }

  search.addEventListener("input", waitForList);

  search.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (WAYS[event.key]) walk(WAYS[event.key]);
    else if (event.key === "Enter" && results.hasAttribute("aria-busy")) isEntered = true;
    else if (event.key === "Enter") choose(active());
    else return;
    event.preventDefault();
  });

  results.addEventListener("mousedown", (event) => {
    if (event.target.closest("[role=option]")) event.preventDefault(); // the focus stays in the search
  });

  results.addEventListener("click", (event) => {
    const option = event.target.closest("[data-value]");
    if (option) choose(option);
    if (!event.target.closest("[data-picker-clear]")) return;
    search.value = "";
    search.focus();
    load();
  });

  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  closer.addEventListener("click", () => dialog.close());

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-picker-open]")) open();
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.("[data-picker-open]") || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    open();
  });

  enhance();
})();
