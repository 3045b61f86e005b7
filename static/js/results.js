// Result cards: the one request that keeps the running ones up to date, elapsed time, reuse in place, the More menu.
(() => {
  "use strict";

  const RETRY_MS = 3000;
  const TICK_MS = 500;
  const WAKE_MS = 500;
  const announcement = () => document.getElementById("announcement");

  // --- The poller lost its connection: the cards say so, and it asks again --------------------------------------

  const runningCards = () => [...document.querySelectorAll("[data-running]")].map((mark) => mark.closest(".generation"));

  function askAgain(event) {
    const status = event.detail.xhr?.status ?? 0;
    if (event.detail.elt.id !== "poller" || (status > 0 && status < 500)) return;
    event.stopPropagation(); // the shell would tell it anew on every try
    for (const card of runningCards()) card?.classList.add("generation-offline");
    setTimeout(() => {
      const poller = document.getElementById("poller");
      if (poller?.matches("[hx-get]")) htmx.trigger(poller, "retry");
      else wake();
    }, RETRY_MS);
  }
  document.body.addEventListener("htmx:sendError", askAgain);
  document.body.addEventListener("htmx:responseError", askAgain);
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.id !== "poller" || !detail.successful) return;
    for (const card of document.querySelectorAll(".generation-offline")) card.classList.remove("generation-offline");
  });

  // --- Cards that came while nothing ran, or while an answer that does not know them was under way ----------------

  let waking = 0;
  function wake() {
    waking ||= setTimeout(() => {
      waking = 0;
      const poller = document.getElementById("poller");
      const isNeeded = document.querySelector("[data-running]") && !poller?.matches("[hx-get], .htmx-request");
      if (poller && isNeeded) htmx.ajax("GET", poller.dataset.url, { source: poller, target: poller, swap: "outerHTML" });
    }, WAKE_MS);
  }
  document.body.addEventListener("htmx:load", wake);

  // --- A card that is replaced under the focus keeps it ---------------------------------------------------------

  let held = "";
  document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    if (detail.target.contains(document.activeElement)) held = detail.target.id;
  });
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const card = detail.elt.closest(".generation");
    if (card?.contains(document.activeElement)) held = card.id;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (held && document.activeElement === document.body) document.getElementById(held)?.focus({ preventScroll: true });
    held = "";
  });

  // --- Elapsed time: counted on from what the server said, whatever this machine's clock shows ----------------

  const begun = new WeakMap();
  function tick() {
    for (const time of document.querySelectorAll("time.elapsed")) {
      if (!begun.has(time)) begun.set(time, performance.now() - 1000 * Number(time.dataset.elapsed));
      time.textContent = `${Math.floor((performance.now() - begun.get(time)) / 1000)} s`;
    }
  }
  setInterval(tick, TICK_MS);

  // --- Reuse: the server fills the form that is on the page; what the link does not name stays --------------------

  const form = () => document.getElementById("generate");

  function reuse(event, link) {
    if (!form()) return; // the link leads to the page that has one
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    const url = form().dataset.fill + new URL(link.href).search;
    htmx.ajax("POST", url, { source: link, target: "#generate", swap: "outerHTML", values: new FormData(form()) });
  }

  document.body.addEventListener("form-filled", ({ detail }) => {
    if (detail.words) announcement().textContent = `Filled in: ${detail.words}.`;
    const place = document.getElementById(detail.focus) ?? form();
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-reuse]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) reuse(event, link);
  });

  // --- More: one open at a time; Escape and a click beside it close it ------------------------------------------

  const openMenus = () => document.querySelectorAll("details.more[open]");
  document.addEventListener("click", (event) => {
    const inside = event.target.closest("details.more");
    const isDone = event.target.closest(".more-menu a, .more-menu button[data-copy]");
    for (const menu of openMenus()) if (menu !== inside || isDone) menu.removeAttribute("open");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.removeAttribute("open");
      if (menu.contains(event.target)) menu.querySelector("summary").focus();
    }
  });
})();
