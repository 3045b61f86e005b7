// The Playground's prompt: the trigger phrase of the picked model, its example prompts, and room for what is typed.
(() => {
  "use strict";

  const form = () => document.getElementById("generate");
  const field = (name) => form()?.elements.namedItem(name);
  const announce = (words) => { document.getElementById("announcement").textContent = words; };

  function write(text) {
    field("prompt").value = text;
    for (const type of ["input", "change"]) field("prompt").dispatchEvent(new Event(type, { bubbles: true }));
  }

  // --- Trigger phrase: inserted on pick, replaced on switching, never doubled --------------------------------

  let current = "";

  const triggerOf = () => field("model")?.selectedOptions?.[0]?.dataset.trigger ?? "";

  // As words of their own, whatever their case and the space between them.
  function find(text, phrase) {
    const words = phrase.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
    const before = /^[\p{L}\p{N}]/u.test(phrase) ? "(?<![\\p{L}\\p{N}])" : "";
    const after = /[\p{L}\p{N}]$/u.test(phrase) ? "(?![\\p{L}\\p{N}])" : "";
    return phrase ? new RegExp(before + words + after, "iu").exec(text) : null;
  }

  function withTrigger(text, phrase) {
    if (!phrase || find(text, phrase)) return text;
    return text.trim() ? `${phrase}, ${text}` : `${phrase} `;
  }

  // In the place of the old one; where the new one stands already, or there is none, the old one goes from the head.
  function replaced(text, old, phrase) {
    const found = find(text, old);
    if (!found || old.toLowerCase() === phrase.toLowerCase()) return text;
    const rest = text.slice(found.index + found[0].length);
    if (phrase && !find(text, phrase)) return text.slice(0, found.index) + phrase + rest;
    return found.index === 0 ? rest.replace(/^[,\s]+/, "") : text;
  }

  function followModel() {
    const phrase = triggerOf();
    write(withTrigger(replaced(field("prompt").value, current, phrase), phrase));
    current = phrase;
  }

  function showTrigger() {
    const phrase = triggerOf();
    const text = field("prompt").value;
    const isThere = !phrase || Boolean(find(text, phrase));
    const note = form().querySelector("[data-trigger-note]");
    note?.classList.toggle("trigger-present", isThere);
    if (note) note.querySelector("[data-trigger-state]").textContent = isThere ? "is in the prompt." : "is missing from the prompt: the finetune may not show.";
    form().querySelector("[data-trigger-missing]").hidden = isThere || !text.trim();
  }

  // --- Example prompts: one click away, and what they take the place of comes back ---------------------------

  let replacedText = "";

  const examples = () => [...form().querySelectorAll("[data-example]")].map(({ dataset }) => withTrigger(dataset.example, triggerOf()));
  const isOwn = (text) => text.trim() !== "" && !examples().includes(text) && text.trim() !== triggerOf().trim();
  const undo = () => form().querySelector("[data-prompt-undo]");

  function takeExample(text) {
    const before = field("prompt").value;
    const isLost = isOwn(before);
    write(withTrigger(text, triggerOf()));
    if (isLost) replacedText = before;
    undo().hidden = !isLost;
    announce(isLost ? "The example took the place of your prompt. Undo brings it back." : "The example is in the prompt.");
  }

  function takeBack() {
    write(replacedText);
    undo().hidden = true;
    field("prompt").focus();
  }

  // --- Room: it grows with the text, and near the limit it tells how much is left -----------------------------

  const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

  function makeRoom() {
    const prompt = field("prompt");
    if (!GROWS_BY_ITSELF) {
      prompt.style.height = "auto";
      prompt.style.height = `${prompt.scrollHeight + prompt.offsetHeight - prompt.clientHeight}px`;
    }
    const left = prompt.maxLength - prompt.value.length;
    const note = form().querySelector("[data-characters-left]");
    note.hidden = left > prompt.maxLength / 10;
    note.textContent = note.hidden ? "" : `${left.toLocaleString("en")} characters left`;
  }

  // --- Events --------------------------------------------------------------------------------------------------

  function show() {
    if (!field("prompt")) return;
    showTrigger();
    makeRoom();
  }

  document.addEventListener("input", (event) => {
    if (event.target !== field("prompt")) return;
    show();
    if (event.isTrusted) undo().hidden = true;
  });

  document.addEventListener("change", (event) => {
    if (event.target === field("model")) followModel();
  });

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#generate") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const example = event.target.closest("[data-example]");
    if (example) {
      event.preventDefault();
      takeExample(example.dataset.example);
    } else if (event.target.closest("[data-undo-example]")) {
      takeBack();
    } else if (event.target.closest("[data-insert-trigger]")) {
      write(withTrigger(field("prompt").value, triggerOf()));
      field("prompt").focus();
    }
  });

  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id === "generate") current = triggerOf();
    if (target.id === "generate" || target.id === "prompt-notes") show();
  });

  if (!field("prompt")) return;
  current = triggerOf();
  if (!field("prompt").value) write(withTrigger("", current));
  show();
})();
