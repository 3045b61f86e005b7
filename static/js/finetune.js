// What a finetune's panel does beyond its links and forms, on its page and in a row of the list: the keys of a field's
// form, precisions that go with a base model, boxes for prompts, and tabs that scroll.
(() => {
  "use strict";

  const BF16_BASE_MODEL = "flux-2-klein-9b-kv";
  const FORM = "form[data-field-form]";

  // --- Keys -----------------------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.(FORM);
    if (!form || event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      form.querySelector("[data-field-cancel]").click();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  // --- Base model and precision ---------------------------------------------------------------------------------

  function pairPrecision(form) {
    const { base_model: baseModel, precision } = form.elements;
    const bf16 = precision?.querySelector("option[value=bf16]");
    if (!baseModel || !bf16) return;
    bf16.disabled = baseModel.value !== BF16_BASE_MODEL;
    if (bf16.disabled && precision.value === "bf16") precision.value = "fp8";
  }

  // --- Prompts: the last box is empty, until there are enough ----------------------------------------------------

  function keepOneEmpty(list) {
    const boxes = list.querySelectorAll("textarea");
    const last = boxes[boxes.length - 1];
    if (!last.value.trim() || boxes.length >= Number(list.dataset.prompts)) return;
    const next = last.cloneNode();
    next.value = "";
    next.id = `${boxes[0].id}_${boxes.length}`;
    next.setAttribute("aria-label", `Example prompt ${boxes.length + 1}`);
    for (const name of ["autofocus", "aria-invalid"]) next.removeAttribute(name);
    list.append(next);
  }

  // --- Tabs that have no room: the open one is in sight, and an edge that pales tells that there are more ------------

  function markEdges(tabs) {
    const left = tabs.scrollWidth - tabs.clientWidth - tabs.scrollLeft;
    tabs.classList.toggle("goes-on", left > 1);
    tabs.classList.toggle("comes-from", tabs.scrollLeft > 1);
  }

  function bringIntoSight(tabs) {
    const current = tabs.querySelector("[aria-current]");
    if (current) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
    markEdges(tabs);
  }

  document.addEventListener("scroll", ({ target }) => {
    if (target.matches?.(".panel > .tabs")) markEdges(target);
  }, true);
  window.addEventListener("resize", () => document.querySelectorAll(".panel > .tabs").forEach(markEdges));

  // --- Events ---------------------------------------------------------------------------------------------------

  document.addEventListener("change", ({ target }) => {
    const form = target.closest(FORM);
    if (form && target.name === "base_model") pairPrecision(form);
  });
  document.addEventListener("input", ({ target }) => {
    const list = target.closest?.("[data-prompts]");
    if (list) keepOneEmpty(list);
  });

  // `closest` as well: htmx tells of what it loaded, which may be the element itself.
  function prepare(root) {
    for (const form of [root.closest?.(FORM), ...root.querySelectorAll(FORM)]) if (form) pairPrecision(form);
    for (const tabs of root.querySelectorAll(".panel > .tabs")) bringIntoSight(tabs);
  }

  document.addEventListener("htmx:load", ({ target }) => prepare(target));
  prepare(document);
})();
