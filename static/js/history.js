// The history: a bar for what is ticked, the way back to the same place, and addresses without empty filters.
(() => {
  const DEFAULTS = { who: "me" };
  const SENT_MS = 1000;
  const said = document.querySelector("[data-history-said]");
  const cards = () => document.querySelectorAll(".history-card");
  const boxes = () => [...document.querySelectorAll("[data-history-check]")];

  // --- Ticked ones ------------------------------------------------------------------------------------------------

  function count() {
    const all = document.querySelector("[data-history-all]");
    if (!all) return;
    const ticked = boxes().filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
    const words = ticked ? `${ticked} selected` : "";
    const line = document.querySelector("[data-history-count]");
    if (line.textContent !== words) line.textContent = words;
    document.getElementById("history-chosen").classList.toggle("has-ticked", ticked > 0);
  }

  let last = null; // Shift and a click tick all from the one before
  document.addEventListener("click", ({ target, shiftKey }) => {
    if (!target.matches?.("[data-history-check]")) return;
    const found = boxes();
    const [from, to] = [found.indexOf(last), found.indexOf(target)].sort((a, b) => a - b);
    if (shiftKey && from >= 0) for (const box of found.slice(from, to + 1)) box.checked = target.checked;
    last = target;
    count();
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-history-all]")) for (const box of boxes()) box.checked = target.checked;
    if (target.matches("[data-history-all], [data-history-check]")) count();
  });
  count();
  window.addEventListener("pageshow", count); // a browser may have ticked boxes as they were

  // A download leaves the page as it is: its form may be sent again soon.
  document.addEventListener("submit", ({ target }) => {
    if (target.id === "history-chosen") setTimeout(() => delete target.dataset.sent, SENT_MS);
  });

  // --- What came and went -----------------------------------------------------------------------------------------

  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    count();
    const shown = cards().length;
    if (detail.requestConfig?.elt.matches("[data-history-more]")) said.textContent = `${shown} generations shown`;
    else if (detail.target.id === "history-results" && shown) said.textContent = `${shown} generations shown`;
  });
  document.addEventListener("dialog:close", () => {
    // What was deleted leaves the page with this answer; an empty page is loaded anew, for it may not be the last.
    setTimeout(() => {
      count();
      if (!cards().length && document.getElementById("history-grid")) location.reload();
    });
  });

  // --- Back leads to the same place ---------------------------------------------------------------------------------
  // The address of the page that is left names the part of the list in which the opened card stands, and the card.

  document.addEventListener("click", ({ target }) => {
    const card = target.closest?.("[data-history-open]")?.closest(".history-card");
    if (!card) return;
    const place = new URL(location.href);
    if (card.dataset.page) place.searchParams.set("cursor", card.dataset.page);
    else place.searchParams.delete("cursor");
    place.hash = card.id;
    history.scrollRestoration = "manual";
    history.replaceState(history.state, "", place);
  }, true);

  const opened = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  if (opened?.matches(".history-card")) {
    history.scrollRestoration = "manual";
    opened.scrollIntoView({ block: "center" });
    opened.querySelector("[data-history-open]").focus({ preventScroll: true });
  }

  // --- What is typed in one go is one step back ----------------------------------------------------------------------

  let isTyping = false;
  let wasTyping = false;
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id === "poller") return; // it asks in the midst of typing
    isTyping = detail.elt.id === "history-filters" && detail.triggeringEvent?.type === "input";
  });
  document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
    if (isTyping && wasTyping) detail.history.type = "replace";
    wasTyping = isTyping;
  });
  window.addEventListener("popstate", () => { wasTyping = false; });

  // --- Only what is set stands in the address -------------------------------------------------------------------------

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id !== "history-filters") return;
    for (const [name, value] of [...detail.formData]) {
      if (!value || DEFAULTS[name] === value) detail.formData.delete(name);
    }
  });
})();
