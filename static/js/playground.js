// The Playground's comforts: everything here has a plain form underneath that works without it.
(() => {
  "use strict";

  const form = () => document.getElementById("generate");
  const field = (name) => form()?.elements.namedItem(name);
  const priceChanged = () => document.body.dispatchEvent(new Event("price-changed"));

  // --- Trigger phrase: inserted on pick, replaced on switching, never doubled --------------------------------

  let inserted = "";

  const pickedOption = () => field("finetune")?.selectedOptions[0];
  const triggerOf = (option) => option?.dataset.trigger ?? "";
  const contains = (text, phrase) => text.toLowerCase().includes(phrase.toLowerCase());

  function insertTrigger() {
    const prompt = field("prompt");
    const phrase = triggerOf(pickedOption());
    if (inserted && inserted !== phrase) {
      prompt.value = prompt.value.startsWith(inserted) ? prompt.value.slice(inserted.length).replace(/^[,\s]+/, "") : prompt.value;
    }
    inserted = "";
    if (phrase && !contains(prompt.value, phrase)) {
      prompt.value = prompt.value ? `${phrase}, ${prompt.value}` : `${phrase} `;
      inserted = phrase;
    }
    showTrigger();
  }

  function showTrigger() {
    const note = form()?.querySelector("[data-trigger-note]");
    if (!note) return;
    const phrase = triggerOf(pickedOption());
    const present = contains(field("prompt").value, phrase);
    note.hidden = !phrase;
    note.classList.toggle("trigger-present", present);
    note.querySelector("[data-insert-trigger]").textContent = phrase;
    note.querySelector("[data-trigger-state]").textContent = present ? "is in the prompt." : "is missing from the prompt: the finetune may not show.";
  }

  function showPicked() {
    const name = form()?.querySelector("[data-endpoint-name]");
    if (name && pickedOption()) name.textContent = pickedOption().dataset.endpoint;
  }

  // --- Strength, seed, size ----------------------------------------------------------------------------------

  function showStrength() {
    const range = form()?.querySelector("[data-strength-range]");
    const number = field("finetune_strength");
    if (range && number.value !== "") range.value = number.value;
  }

  function showSize() {
    const size = `${field("width")?.value}x${field("height")?.value}`;
    for (const button of form()?.querySelectorAll("[data-size]") ?? []) {
      button.setAttribute("aria-pressed", String(button.dataset.size === size));
    }
  }

  function pickSize(size) {
    [field("width").value, field("height").value] = size.split("x");
    showSize();
    priceChanged();
  }

  function drawSeed() {
    field("seed").value = crypto.getRandomValues(new Uint32Array(1))[0];
  }

  // --- Events ------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-size], [data-dice], [data-insert-trigger]");
    if (!target) return;
    if (target.dataset.size) pickSize(target.dataset.size);
    else if ("dice" in target.dataset) drawSeed();
    else {
      insertTrigger();
      field("prompt").focus();
    }
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-strength-range]")) field("finetune_strength").value = event.target.value;
    else if (event.target === field("finetune_strength")) showStrength();
    else if (event.target === field("prompt")) showTrigger();
    else if (event.target === field("width") || event.target === field("height")) showSize();
  });

  document.addEventListener("change", (event) => {
    if (event.target !== field("finetune")) return;
    showPicked();
    insertTrigger();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest?.("#generate")) {
      event.preventDefault();
      form().requestSubmit();
    }
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== form() || !event.detail.successful) return;
    form().querySelectorAll(".field-errors, .form-refusal").forEach((e) => e.remove());
    form().querySelectorAll("[aria-invalid]").forEach((e) => e.removeAttribute("aria-invalid"));
    priceChanged();
    showNewest();
  });

  // On a phone the results begin below the form.
  function showNewest() {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    document.querySelector("#results .generation")?.scrollIntoView({ block: "nearest", behavior });
  }

  document.addEventListener("htmx:load", (event) => {
    if (event.target.matches(".generation-arrived")) priceChanged(); // a failure gave its hold back
    if (event.target.id !== "generate") return;
    prepare();
    const refused = event.target.querySelector("#refusal, [aria-invalid=true]");
    refused?.focus();
  });

  // --- A card that lost its connection asks again, and says so -----------------------------------------------

  const RETRY_MS = 3000;

  function askAgain(event) {
    const card = event.target.closest?.(".generation");
    const status = event.detail.xhr?.status ?? 0;
    if (!card || (status > 0 && status < 500)) return;
    event.stopPropagation(); // the shell would tell it anew on every try
    card.classList.add("generation-offline");
    setTimeout(() => htmx.trigger(card, "retry"), RETRY_MS);
  }
  document.body.addEventListener("htmx:sendError", askAgain);
  document.body.addEventListener("htmx:responseError", askAgain);

  // --- Elapsed time ------------------------------------------------------------------------------------------

  function tick() {
    for (const time of document.querySelectorAll("time.elapsed")) {
      const seconds = Math.max(0, (Date.now() - Date.parse(time.dataset.since)) / 1000);
      time.textContent = `${Math.floor(seconds)} s`;
    }
  }
  setInterval(tick, 500);
  document.addEventListener("htmx:load", tick);

  // --- Start -------------------------------------------------------------------------------------------------

  function prepare() {
    if (!field("prompt")) return;
    for (const enhanced of form().querySelectorAll("[data-presets], [data-dice], [data-strength-range], [data-shortcut]")) enhanced.hidden = false;
    form().querySelector("[data-shortcut]").textContent = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘↵" : "Ctrl ↵";
    showPicked();
    showStrength();
    showSize();
    showTrigger();
  }

  prepare();
  if (field("prompt") && !field("prompt").value) insertTrigger();
})();
