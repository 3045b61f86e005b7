// What every page can do: copy buttons, toasts, what htmx could not load, and the one dialog.
(() => {
  const TOAST_MS = 7000;
  const UNDO_MS = 30000;
  const COPIED_MS = 1800;
  const SENT_MS = 8000;
  const HEARD_MS = 150; // by then a screen reader watches the live region
  const toasts = document.getElementById("toasts");
  const UNDO = "[data-toast=undo]";

  // --- Copy -------------------------------------------------------------------------------------------------

  async function copyText(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Plain http on another host has no clipboard API.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy refused");
  }

  document.addEventListener("click", async (event) => {
    // What is secret or long carries a name, by which it is told of.
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await copyText(button.dataset.copy);
      button.classList.add("is-copied");
      setTimeout(() => button.classList.remove("is-copied"), COPIED_MS);
      showToast("success", `Copied ${button.dataset.copyName ?? button.dataset.copy}`);
    } catch {
      showToast("error", `Your browser did not allow copying. Select and copy it yourself: ${button.dataset.copyName ?? button.dataset.copy}`);
    }
    button.focus();
  });

  // --- Toasts -----------------------------------------------------------------------------------------------

  function showToast(level, text) {
    const toast = document.getElementById(`toast-${level}`).content.firstElementChild.cloneNode(true);
    toast.querySelector(".toast-text").textContent = text;
    toasts.append(toast);
  }

  // Errors stay until they are dismissed; the rest waits while someone reads it.
  function hideInTime(toast) {
    if (toast.matches(".toast-error, .toast-warning")) return;
    let timer;
    const ms = toast.matches(UNDO) ? UNDO_MS : TOAST_MS;
    const start = () => { clearTimeout(timer); timer = setTimeout(hide, ms); };
    const hide = () => (toast.matches(":hover, :focus-within") ? start() : toast.remove());
    for (const left of ["pointerleave", "focusout"]) toast.addEventListener(left, start);
    start();
  }

  // Whoever deleted something lost the focus with it, and finds the way back without a walk through the page.
  function focusUndo() {
    const toast = [...toasts.querySelectorAll(`${UNDO}:not([data-offered])`)].pop();
    if (!toast) return false;
    toast.dataset.offered = "";
    toast.querySelector("button").focus({ preventScroll: true });
    return true;
  }

  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const toast = detail.elt.closest(UNDO);
    if (!toast || !(detail.xhr.status < 400)) return; // htmx calls no answer with HX-Location successful
    const hadFocus = toast.contains(document.activeElement) || document.activeElement === document.body;
    toast.remove();
    if (hadFocus) document.getElementById("main")?.focus({ preventScroll: true });
  });

  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.dataset?.toast !== undefined) hideInTime(node);
    }
  }).observe(toasts, { childList: true });
  // A live region speaks of what joins it, not of what it held when the page came.
  const arrived = [...toasts.querySelectorAll("[data-toast]")];
  arrived.forEach((toast) => toast.remove());
  setTimeout(() => {
    toasts.append(...arrived);
    window.htmx?.process(toasts); // it may have been through the page while they were away
    if (document.activeElement === document.body) focusUndo();
  }, HEARD_MS);

  document.addEventListener("click", (event) => {
    event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
  });

  // --- What htmx could not load -------------------------------------------------------------------------------

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) {
      event.detail.shouldSwap = true; // the server says where its message belongs
      event.detail.isError = false;
    } else if (isLogInPage(xhr)) {
      event.detail.shouldSwap = false; // the session ended: the whole page must go to the log-in and back
      location.reload();
    }
  });

  function isLogInPage(xhr) {
    const login = document.body.dataset.loginUrl;
    return Boolean(xhr.responseURL) && new URL(xhr.responseURL).pathname === login && location.pathname !== login;
  }

  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    const text = status >= 500
      ? "Something went wrong on the server. Nothing was changed; please try again."
      : `The server refused this (${status}). Reload the page and try again.`;
    showToast("error", text);
  });
  document.addEventListener("htmx:sendError", () => {
    showToast("error", "The server cannot be reached. Check your connection and try again.");
  });
  document.addEventListener("htmx:timeout", () => {
    showToast("error", "The server took too long to answer. Please try again.");
  });

  // --- A button that is disabled while it sends loses the focus; it gets it back --------------------------------

  const LATE_MS = 100; // a busy browser takes the focus from what was disabled only at its next frame
  let sender = null;
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const active = document.activeElement;
    if (active !== document.body && detail.elt.contains(active)) sender = active;
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.elt.contains(sender)) return;
    const button = sender;
    sender = null;
    giveBack(button);
    setTimeout(() => giveBack(button), LATE_MS);
  });

  function giveBack(button) {
    if (button.isConnected && document.activeElement === document.body) button.focus({ preventScroll: true });
  }

  // --- What a list shows after a filter, a tab or a page of it, said and not only seen ---------------------------

  const BROWSING = ".tabs, .pages, .filters, .choices, .empty-card";
  const said = document.createElement("div");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  document.body.append(said);

  let held = null; // the part of the page that had the focus and is swapped
  let heldPager = ""; // by its name, where the focus was in one: the last page has no Next
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    held = detail.target.contains(document.activeElement) ? detail.target : null;
    heldPager = held && document.activeElement.closest(".pages")?.getAttribute("aria-label");
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (held === detail.target && document.activeElement === document.body) {
      const pager = heldPager && document.querySelector(`.pages[aria-label="${CSS.escape(heldPager)}"] a`);
      if (pager) pager.focus({ preventScroll: true });
      else focusFallback();
    }
    held = null;
    const list = document.getElementById(detail.target.id);
    if (list?.tagName === "SECTION" && detail.requestConfig.elt.closest(BROWSING)) said.textContent = wordsFor(list);
  });

  function wordsFor(list) {
    const rows = list.querySelectorAll("tbody tr:not([hidden]), .log-line").length;
    return list.querySelector(".empty-card h2")?.textContent ?? (rows ? `${rows} shown` : "");
  }

  // What was removed cannot have the focus back; it goes where the next of its kind is made, or to the page's top.
  function focusFallback() {
    const isInDialog = Boolean(document.querySelector("#dialog.show"));
    if (!isInDialog && focusUndo()) return;
    const onPage = document.querySelector("[data-dialog-opener]") ?? document.getElementById("main");
    const place = isInDialog ? document.getElementById("dialog") : onPage;
    place?.focus({ preventScroll: true });
  }

  // --- A form without htmx is sent once, however often its button is pressed --------------------------------------

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, SENT_MS); // an answer that was stopped leaves the form in use
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });

  // --- The dialog: links with hx-target="#dialog-content" open it ----------------------------------------------

  const dialog = document.getElementById("dialog");
  if (!dialog) return;
  const content = document.getElementById("dialog-content");
  const modal = () => window.tabler.Modal.getOrCreateInstance(dialog);
  let opener = null;
  let isDone = false;

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target === content && !dialog.contains(event.detail.elt)) opener = event.detail.elt;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== content) return;
    isDone = false;
    modal().show();
  });
  dialog.addEventListener("shown.bs.modal", () => {
    dialog.querySelector("[autofocus]")?.focus();
  });
  dialog.addEventListener("hide.bs.modal", () => {
    // Closing gives up what is being sent; an answer that is being read must not be torn away.
    if (isDone) return;
    for (const busy of dialog.querySelectorAll(".htmx-request")) window.htmx.trigger(busy, "htmx:abort");
  });
  dialog.addEventListener("hidden.bs.modal", () => {
    content.replaceChildren();
    if (opener?.isConnected) opener.focus();
    else focusFallback();
  });
  document.addEventListener("dialog:close", () => {
    isDone = true;
    modal().hide();
  });
  document.addEventListener("keydown", (event) => {
    // A button that is disabled while it sends loses the focus, and Tabler's dialog hears no key without it.
    const isDeaf = dialog.classList.contains("show") && !dialog.contains(document.activeElement);
    if (event.key === "Escape" && isDeaf) modal().hide();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#dialog [data-dialog-close]")) return;
    event.preventDefault();
    modal().hide();
  });
})();
