// The catalog's list: rows that open in place, a bar for those that are ticked, and addresses without empty filters.
(() => {
  const CONTROLS = "a, button, input, select, textarea, label, form, summary";
  const DEFAULTS = { tab: "all", sort: "name" };

  // --- A row opens beneath itself; its link leads to the finetune's own page for every other kind of click ---------

  const detailOf = (link) => document.getElementById(link.getAttribute("aria-controls"));

  function show(link, isOpen) {
    const detail = detailOf(link);
    detail.hidden = !isOpen;
    link.setAttribute("aria-expanded", String(isOpen));
    link.closest(".finetune-row").classList.toggle("is-open", isOpen);
    if (isOpen && !detail.querySelector(".panel")) window.htmx.trigger(link, "expand");
  }

  const toggle = (link) => show(link, detailOf(link).hidden);

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    const link = event.target.closest("[data-expands]");
    if (link) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      toggle(link);
      return;
    }
    const row = event.target.closest(".finetune-row");
    if (!row || event.target.closest(CONTROLS) || !window.getSelection().isCollapsed) return;
    toggle(row.querySelector("[data-expands]"));
  });

  // What could not be loaded closes again, so that another press tries once more.
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, ({ detail }) => {
      if (detail.elt.matches?.("[data-expands]") && detail.elt.isConnected) show(detail.elt, false);
    });
  }

  // --- Ticked rows ------------------------------------------------------------------------------------------------

  const boxes = () => [...document.querySelectorAll("[data-row-check]")];

  function count() {
    const all = document.querySelector("[data-check-all]");
    if (!all) return;
    const ticked = boxes().filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
    const words = ticked ? `${ticked} selected` : "";
    const line = document.querySelector("[data-bulk-count]");
    if (line.textContent !== words) line.textContent = words;
    document.getElementById("bulk").classList.toggle("has-ticked", ticked > 0);
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-check-all]")) for (const box of boxes()) box.checked = target.checked;
    if (target.matches("[data-check-all], [data-row-check]")) count();
  });

  // --- A row that is loaded anew stays as open and as ticked as it was ----------------------------------------------

  const ticked = new Set();
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const box = detail.target.querySelector?.(":scope.finetune-row [data-row-check]");
    if (box?.checked) ticked.add(detail.target.id);
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const row = document.getElementById(detail.target.id);
    if (row?.matches(".finetune-row")) {
      const link = row.querySelector("[data-expands]");
      show(link, !detailOf(link).hidden);
      if (ticked.delete(row.id)) row.querySelector("[data-row-check]").checked = true;
    }
    count();
  });
  count();
  window.addEventListener("pageshow", count); // a browser may have ticked boxes as they were

  // --- What Undo brought back gets the focus, which its button had -------------------------------------------------------

  let known = null;
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.matches?.(".toast-undo")) known = new Set([...document.querySelectorAll("[data-expands]")].map(({ id }) => id));
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (!known || detail.target.id !== "catalog") return;
    const back = [...document.querySelectorAll("[data-expands]")].find(({ id }) => !known.has(id));
    known = null;
    if ([document.body, document.getElementById("main")].includes(document.activeElement)) back?.focus();
  });

  // --- What is typed in one go is one step back, however many answers came meanwhile --------------------------------------

  let isTyping = false;
  let wasTyping = false;
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    isTyping = detail.elt.id === "catalog-filters" && detail.triggeringEvent?.type === "input";
  });
  document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
    if (isTyping && wasTyping) detail.history.type = "replace";
    wasTyping = isTyping;
  });
  window.addEventListener("popstate", () => { wasTyping = false; });

  // --- Only what is set stands in the address -----------------------------------------------------------------------

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id !== "catalog-filters") return;
    for (const [name, value] of [...detail.formData]) {
      if (!value || DEFAULTS[name] === value) detail.formData.delete(name);
    }
  });
})();
