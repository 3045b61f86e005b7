// The fields of the Add Finetune form, on its page and in the dialog: previews the ID, pairs precision with base
// model, and takes over what preflight found where nobody typed anything. The server decides.
(() => {
  "use strict";

  const BF16_BASE_MODEL = "flux-2-klein-9b-kv";
  const MISFIT = " (this file does not fit)";
  const FILLED = ["name", "base_model", "trigger_phrase"];
  const filledByUs = new WeakMap();
  const SELECTOR = "form[data-add-finetune]";
  const formOf = (element) => element.closest?.(SELECTOR);

  // Same length in and out, so that the caret stays where it is.
  function tidyName(input) {
    const tidy = input.value.toLowerCase().replace(/\s/g, "-");
    if (tidy === input.value) return;
    const caret = input.selectionStart;
    input.value = tidy;
    input.setSelectionRange(caret, caret);
  }

  function previewId(form) {
    const { value, validity } = form.elements.name;
    const preview = form.querySelector("[data-id-preview]");
    preview.hidden = !value || validity.patternMismatch;
    preview.querySelector("[data-own-id]").textContent = value;
    preview.querySelector("[data-shared-id]").textContent = `${form.dataset.orgId}/${value}`;
  }

  function pairPrecision(form) {
    const precision = form.elements.precision;
    const bf16 = precision.querySelector("option[value=bf16]");
    bf16.disabled = form.elements.base_model.value !== BF16_BASE_MODEL;
    if (bf16.disabled && precision.value === "bf16") precision.value = "fp8";
  }

  // --- What preflight found -------------------------------------------------------------------------------------

  // Leaves alone what a person typed or chose.
  function fill(form, name, value) {
    const input = form.elements[name];
    if (input.value !== (filledByUs.get(input) ?? "")) return;
    filledByUs.set(input, value);
    if (input.value === value) return;
    input.value = value;
    input.dispatchEvent(new Event(input.matches("select") ? "change" : "input", { bubbles: true }));
  }

  // One that was chosen before stays selectable: what is wrong with it stands at the field.
  function markBaseModels(form, fitting) {
    for (const option of form.elements.base_model.options) {
      if (!option.value) continue;
      const isMisfit = fitting.length > 0 && !fitting.includes(option.value);
      option.textContent = option.textContent.replace(MISFIT, "") + (isMisfit ? MISFIT : "");
      option.disabled = isMisfit && !option.selected;
    }
  }

  // A file that says nothing empties what was taken from the one before it.
  function takeOver(form, finding) {
    for (const name of FILLED) fill(form, name, finding?.suggestions[name] ?? "");
    markBaseModels(form, finding?.base_models ?? []);
  }

  // --- Events ---------------------------------------------------------------------------------------------------

  document.addEventListener("input", ({ target }) => {
    const form = formOf(target);
    if (form && target.name === "name") {
      tidyName(target);
      previewId(form);
    }
  });
  document.addEventListener("change", ({ target }) => {
    const form = formOf(target);
    if (form && target.name === "base_model") pairPrecision(form);
  });
  document.addEventListener("click", ({ target }) => {
    const chip = target.closest?.("[data-trigger-words]");
    const field = chip && formOf(chip)?.elements.trigger_phrase;
    if (!field || field.matches(":disabled")) return;
    field.value = chip.dataset.triggerWords;
    field.focus();
  });
  document.addEventListener("checkpoint:found", (event) => {
    const form = formOf(event.target);
    if (form) takeOver(form, event.detail);
  }, true);

  function prepare(form) {
    if (!form) return;
    previewId(form);
    pairPrecision(form);
  }

  document.addEventListener("htmx:load", ({ target }) => prepare(target.querySelector(SELECTOR) ?? formOf(target)));
  prepare(document.querySelector(SELECTOR));
})();
