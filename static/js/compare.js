// Compare: the second of two results is chosen on the page itself; the slider of the comparison.
(() => {
  "use strict";

  // --- Choosing on the cards: once for the first, once more for the second ------------------------------------

  let first = null; // its id and its link
  const announce = (text) => {
    const place = document.getElementById("announcement");
    if (place) place.textContent = text;
  };

  function mark() {
    document.body.classList.toggle("is-comparing", Boolean(first));
    for (const link of document.querySelectorAll("a[data-compare]")) {
      const isFirst = link.dataset.compare === first?.id;
      link.classList.toggle("is-chosen", isFirst);
      link.querySelector("[data-compare-words]").textContent = !first ? "Compare" : isFirst ? "Chosen" : "Compare with it";
    }
  }

  function choose(event, link) {
    const id = link.dataset.compare;
    if (first && first.id !== id) {
      const url = new URL(link.href);
      url.searchParams.set("a", first.id);
      url.searchParams.set("b", id);
      link.href = url; // the click goes there
      return;
    }
    const others = document.querySelectorAll("a[data-compare]").length - 1;
    if (!first && !others) return; // the page of the comparison offers what else there is
    event.preventDefault();
    first = first ? null : { id };
    mark();
    announce(first ? "First result chosen. Press Compare with it on another; press Chosen to take it back." : "Nothing is chosen for comparison.");
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-compare]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) choose(event, link);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !first || document.querySelector("dialog[open], details.more[open]")) return;
    first = null;
    mark();
  });
  document.addEventListener("htmx:afterSettle", () => first && mark());
  window.addEventListener("pageshow", () => {
    first = null;
    mark();
  });

  // --- The comparison -------------------------------------------------------------------------------------------

  let mode = "slider";

  function prepare() {
    const pair = document.querySelector("[data-compare-pair]");
    if (!pair) return;
    const range = pair.querySelector("[data-compare-range]");
    document.querySelector("[data-compare-modes]").hidden = false;
    for (const button of document.querySelectorAll("[data-compare-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.compareMode === mode));
    }
    pair.classList.toggle("is-slider", mode === "slider");
    range.hidden = mode !== "slider";
    split(range);
  }

  const split = (range) => range.closest("[data-compare-pair]").style.setProperty("--split", `${range.value}%`);

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-compare-range]")) split(event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-compare-mode]");
    if (!button) return;
    mode = button.dataset.compareMode;
    prepare();
  });
  document.addEventListener("htmx:load", prepare);
  prepare();
})();
