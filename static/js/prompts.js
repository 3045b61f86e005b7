// Earlier prompts of this person: Alt and the arrows step through them, and a list beside the label shows them.
(() => {
  "use strict";

  const DRAFT = -1;
  const NONE = "No earlier prompts yet. What you generate with is listed here.";
  const FAILED = "Earlier prompts could not be loaded. Try again.";
  const form = () => document.getElementById("generate");
  const prompt = () => form()?.elements.namedItem("prompt");
  const menu = () => form()?.querySelector("[data-prompts]");
  const announce = (text) => { document.getElementById("announcement").textContent = text; };

  let earlier = []; // newest first
  let loading = null;
  let at = DRAFT;
  let draft = "";

  // --- What there is: asked for once, and added to by what is generated here -----------------------------------

  const remember = (text) => { if (text.trim()) earlier = [text, ...earlier.filter((one) => one !== text)]; };

  async function fetchAll() {
    const answer = await fetch(menu().dataset.prompts, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { prompts } = await answer.json();
    earlier = [...new Set([...earlier, ...prompts])];
  }

  function load() {
    loading ??= fetchAll().catch((error) => {
      loading = null;
      throw error;
    });
    return loading;
  }

  // --- Stepping: the newest is above the draft, which is kept ---------------------------------------------------

  function show(place) {
    if (at === DRAFT) draft = prompt().value;
    at = place;
    const text = at === DRAFT ? draft : earlier[at];
    prompt().value = text;
    prompt().setSelectionRange(text.length, text.length);
    prompt().scrollTop = prompt().scrollHeight;
    prompt().dispatchEvent(new Event("input", { bubbles: true }));
    announce(at === DRAFT ? "Your draft" : `Prompt ${at + 1} of ${earlier.length}`);
  }

  async function step(by) {
    try {
      await load();
    } catch {
      return announce(FAILED);
    }
    // What was just generated still stands in the field: the first step would show the same once more.
    const isSame = at === DRAFT && earlier[0] === prompt().value;
    const next = Math.min(Math.max(at + by + (isSame && by > 0 ? 1 : 0), DRAFT), earlier.length - 1);
    if (next === at) return announce(next === DRAFT ? (earlier.length ? "Your draft" : NONE) : "The oldest prompt");
    show(next);
  }

  document.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target !== prompt() || !menu()) return;
    event.preventDefault();
    step(by);
  });

  // An earlier prompt that is written on is the draft from then on; the one before it stays in reach.
  document.addEventListener("input", (event) => {
    if (event.target !== prompt() || !event.isTrusted || at === DRAFT) return;
    at = DRAFT;
    remember(draft);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== form() || !event.detail.successful || event.detail.elt !== form()) return;
    remember(prompt().value);
    at = DRAFT;
  });

  // A preset's form comes with a prompt of its own; what was typed stays in reach.
  let replaced = "";
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id === "generate" && prompt()) replaced = prompt().value;
  });
  document.addEventListener("htmx:load", (event) => {
    if (event.target.id !== "generate" || !prompt()) return;
    if (replaced !== prompt().value) remember(replaced);
    at = DRAFT;
  });

  // --- The list --------------------------------------------------------------------------------------------------

  function note(text) {
    const line = document.createElement("p");
    line.className = "prompts-none";
    line.textContent = text;
    return line;
  }

  function item(text, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "dropdown-item";
    button.textContent = text;
    button.dataset.prompt = place;
    const line = document.createElement("li");
    line.append(button);
    return line;
  }

  async function fillList() {
    const place = menu().querySelector("[data-prompts-list]");
    place.replaceChildren(note("Loading…"));
    try {
      await load();
    } catch {
      return place.replaceChildren(note(FAILED));
    }
    const list = document.createElement("ul");
    list.className = "list-unstyled";
    list.append(...earlier.map(item));
    place.replaceChildren(earlier.length ? list : note(NONE));
  }

  document.addEventListener("toggle", (event) => {
    if (event.target === menu() && menu().open) fillList();
  }, true);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-prompt]");
    if (!button) return;
    menu().open = false;
    prompt().focus();
    show(Number(button.dataset.prompt));
  });

  document.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || event.altKey || !menu()?.open || !menu().contains(event.target)) return;
    event.preventDefault();
    const all = [...menu().querySelectorAll("[data-prompt]")];
    all[Math.min(Math.max(all.indexOf(document.activeElement) + by, 0), all.length - 1)]?.focus();
  });
})();
