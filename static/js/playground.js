// The Playground's form: whether it can run, why not, and running it.
(() => {
  "use strict";

  const OFFLINE = "You are offline. Nothing is lost: it can run once the connection is back.";
  const NO_PROMPT = "Write what the image should show.";

  const form = () => document.getElementById("generate");
  const field = (name) => form()?.elements.namedItem(name);
  const run = () => form()?.querySelector("[data-run]");
  const changed = () => document.body.dispatchEvent(new Event("price-changed"));

  // --- Why it can't run: the first of what is wrong ------------------------------------------------------------

  function wrongParameter() {
    const control = [...document.querySelectorAll("#parameters [name]")].find(({ validity }) => validity.customError);
    return control && { sentence: control.validationMessage, field: control.name };
  }

  function reasonOf() {
    if (!navigator.onLine) return { sentence: OFFLINE };
    const told = document.getElementById("reason")?.dataset;
    const wrong = wrongParameter();
    // What the server said of a size is about the one before, once another is wrong here.
    if (told && !(wrong && told.field === wrong.field)) return { sentence: told.reason, field: told.field, isTold: true };
    if (wrong) return wrong;
    return field("prompt").value.trim() ? null : { sentence: NO_PROMPT, field: "prompt" };
  }

  function show() {
    if (!field("prompt")) return;
    const reason = reasonOf();
    const place = document.getElementById("run-reason");
    const words = reason && !reason.isTold ? reason.sentence : "";
    place.hidden = !words;
    const told = document.getElementById("reason");
    if (told) told.hidden = Boolean(words); // one reason at a time
    place.classList.remove("is-told");
    place.querySelector("span").textContent = words;
    if (reason) run().setAttribute("aria-disabled", "true");
    else run().removeAttribute("aria-disabled");
  }

  // To those who see, and to those who listen; and to the field that can change it.
  function tell({ sentence, field: name }) {
    for (const place of form().querySelectorAll(".run-reason")) place.classList.add("is-told");
    const announcement = document.getElementById("announcement");
    announcement.textContent = "";
    setTimeout(() => { announcement.textContent = sentence; });
    const control = name && field(name);
    // Scripts may have laid a button over it.
    const place = control && !control.checkVisibility() ? control.closest(".field").querySelector("button:not([hidden])") : control;
    (place || run()).focus();
    if (place) place.closest(".field").scrollIntoView({ block: "nearest" });
  }

  // --- Running -----------------------------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    if (event.target !== form() || (event.submitter && !event.submitter.matches("[data-run]"))) return;
    const reason = reasonOf();
    if (!reason) return;
    event.preventDefault();
    event.stopPropagation(); // htmx would generate
    tell(reason);
  }, true);

  const ELSEWHERE = "form:not(#generate), a[href], [role=dialog], dialog";
  const isBehindDialog = () => Boolean(document.querySelector(".modal.show, dialog[open]"));

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.repeat || event.defaultPrevented) return;
    if (!run() || run().disabled || isBehindDialog() || event.target.closest?.(ELSEWHERE)) return;
    event.preventDefault();
    form().requestSubmit(run());
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== form() || !event.detail.successful) return;
    form().querySelectorAll(".field-errors, .form-refusal").forEach((e) => e.remove());
    form().querySelectorAll("[aria-invalid]").forEach((e) => e.removeAttribute("aria-invalid"));
    changed();
    showNewest();
  });

  // On a phone the results begin below the form.
  function showNewest() {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    document.querySelector("#results .generation")?.scrollIntoView({ block: "nearest", behavior });
  }

  // --- The price: not asked for without a connection, nor read out again while it is the same --------------------

  let quoted = "";

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "quote" && !navigator.onLine) event.preventDefault();
  });
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== "quote" || detail.xhr.status !== 200) return;
    if (detail.serverResponse === quoted) detail.shouldSwap = false;
    quoted = detail.serverResponse;
  });

  // --- Events --------------------------------------------------------------------------------------------------

  document.addEventListener("input", ({ target }) => {
    if (target.closest("#generate")) show();
  });
  document.body.addEventListener("parameters-checked", show);
  document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "quote") show();
  });
  window.addEventListener("offline", show);
  window.addEventListener("online", () => {
    show();
    changed();
  });

  document.addEventListener("htmx:load", ({ target }) => {
    if (target.matches(".generation-arrived")) changed(); // a failure gave its hold back
    if (target.id === "parameters") changed();
    if (target.id !== "generate") return;
    quoted = "";
    prepare();
    target.querySelector("#refusal, [aria-invalid=true]")?.focus();
  });

  // --- Start -------------------------------------------------------------------------------------------------

  function prepare() {
    if (!field("prompt")) return;
    const shortcut = form().querySelector("[data-shortcut]");
    shortcut.hidden = false;
    shortcut.textContent = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘↵" : "Ctrl ↵";
    show();
  }

  prepare();
})();
