// Sweeps: the way from the Playground, the axes of the form, and a grid that asks again. All of it works without.
(() => {
  "use strict";

  // --- From the Playground: its inputs as a plain address, without what no address should carry ---------------

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button?.matches("[data-sweep]")) return;
    event.preventDefault();
    event.stopPropagation(); // htmx would generate
    const inputs = new URLSearchParams();
    for (const [name, value] of new FormData(event.target)) {
      if (name !== "csrfmiddlewaretoken" && typeof value === "string" && value !== "") inputs.append(name, value);
    }
    location.assign(`${button.formAction}?${inputs}`);
  }, true);

  // --- The form: an axis is filled in when it is chosen, and what it changes is not asked for twice -----------

  const form = () => document.getElementById("sweep");
  const field = (name) => form()?.elements.namedItem(name);
  const filled = { across_values: "", down_values: "" };

  function proposal(kind) {
    const seed = Number(field("seed").value) || 1;
    return { strength: "0.7, 0.8, 0.9, 1.0", seed: `${seed}, ${seed + 1}, ${seed + 2}`, prompt: field("prompt").value }[kind] ?? "";
  }

  function fillIn(axis) {
    const values = field(`${axis}_values`);
    if (values.value.trim() && values.value !== filled[values.name]) return;
    values.value = proposal(field(axis).value);
    filled[values.name] = values.value;
  }

  function showAxes() {
    if (!field("across")) return;
    const kinds = [field("across").value, field("down").value];
    field("down_values").closest(".field").hidden = !kinds[1];
    for (const common of form().querySelectorAll("[data-common]")) common.hidden = kinds.includes(common.dataset.common);
  }

  document.addEventListener("change", (event) => {
    if (event.target.form !== form() || !["across", "down"].includes(event.target.name)) return;
    fillIn(event.target.name);
    showAxes();
  });

  function prepare() {
    if (!field("across")) return;
    filled.across_values = proposal("strength");
    showAxes();
  }
  document.addEventListener("htmx:load", (event) => {
    if (event.target.id === "sweep") prepare();
  });

  // --- A grid that lost its connection asks again, and says so ------------------------------------------------

  const RETRY_MS = 3000;

  function askAgain(event) {
    const status = event.target.closest?.("#grid-status");
    const code = event.detail.xhr?.status ?? 0;
    if (!status || (code > 0 && code < 500)) return;
    event.stopPropagation(); // the shell would tell it anew on every try
    status.classList.add("grid-offline");
    setTimeout(() => htmx.trigger(status, "retry"), RETRY_MS);
  }
  document.body?.addEventListener("htmx:sendError", askAgain);
  document.body?.addEventListener("htmx:responseError", askAgain);

  prepare();
})();
