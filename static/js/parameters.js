// The parameters of the picked model: slider, sizes, seed and number of images; and what survives a change of model.
(() => {
  "use strict";

  const MEGAPIXEL = 1024 * 1024;
  const CLOSE = 0.02; // by which a size may miss an aspect and still be called so
  const TOO_LARGE = "Width times height is over 4 MP; use a smaller size.";

  const root = () => document.getElementById("parameters");
  const control = (name) => root()?.querySelector(`[name="${name}"]`);
  const part = (selector) => root()?.querySelector(selector);
  const valueOf = (input) => (input.type === "checkbox" ? (input.checked ? "on" : "") : input.value);
  const isSame = (a, b) => a === b || (a !== "" && b !== "" && Number(a) === Number(b));

  function put(input, value) {
    if (input.type === "checkbox") input.checked = value === "on";
    else input.value = value;
  }

  function fill(values) {
    for (const [name, value] of Object.entries(values)) put(control(name), value);
    const [first] = Object.keys(values);
    for (const type of ["input", "change"]) control(first).dispatchEvent(new Event(type, { bubbles: true }));
  }

  // --- What is wrong, as a sentence each field carries; a browser's own would be in another language ---------------

  function wrongOf(input) {
    const { validity } = input;
    if (validity.badInput) return "Enter a number.";
    if (validity.rangeUnderflow) return `Use ${input.min} or more.`;
    if (validity.rangeOverflow) return `Use ${input.max} or less.`;
    const { multipleOf } = input.dataset;
    return multipleOf && Number(input.value) % Number(multipleOf) ? `Use a multiple of ${multipleOf}.` : "";
  }

  function check() {
    for (const input of root().querySelectorAll("[name]")) {
      const wrong = wrongOf(input);
      input.setCustomValidity(wrong && `${input.labels[0].textContent.trim()}: ${wrong}`);
    }
    if (control("width") && !control("width").validity.customError && sideOf("width") * sideOf("height") > most()) control("width").setCustomValidity(TOO_LARGE);
  }

  // --- Strength --------------------------------------------------------------------------------------------------

  function showStrength() {
    const strength = control("finetune_strength");
    if (!strength) return;
    part("[data-strength-range]").value = strength.value || strength.dataset.default;
    const mark = part("[data-recommended]");
    if (!mark) return;
    const isRecommended = isSame(strength.value, mark.dataset.recommended);
    mark.querySelector("[data-is-recommended]").hidden = !isRecommended;
    mark.querySelector("[data-use-recommended]").hidden = isRecommended;
  }

  // --- Size: about as many pixels in another aspect, never more ---------------------------------------------------

  let area = 0; // what the aspects keep; it would shrink from one to the next if it were read from the sides
  let sized = ""; // the sides that they made of it

  const sideOf = (name) => Number(control(name).value || control(name).dataset.default);
  const isAsImage = () => part('[data-aspect="image"]') && !control("width").value && !control("height").value;
  const hasReferences = () => document.getElementById("generate").hasAttribute("data-has-references");
  const step = () => Number(control("width").step);
  const longest = () => Number(control("width").max) || Infinity;
  const most = () => Number(control("width").dataset.mostPixels) || longest() ** 2;

  const missOf = ([width, height], ratio) => Math.abs(width / height / ratio - 1);

  function sidesFor(ratio) {
    const within = (side) => Math.min(Math.max(step(), Number(control("width").min), side), longest());
    const down = (side) => within(Math.floor(side / step()) * step());
    const near = (side) => within(Math.round(side / step()) * step());
    const full = Math.min(area, (longest() * Math.min(ratio, 1 / ratio)) * longest());
    const [width, height] = [Math.sqrt(full * ratio), Math.sqrt(full / ratio)];
    const options = [[near(width), near(height)], [down(width), near(height)], [near(width), down(height)], [down(width), down(height)]];
    const fitting = options.filter(([w, h]) => w * h <= full);
    return fitting.find((sides) => missOf(sides, ratio) < CLOSE) ?? fitting.sort((a, b) => missOf(a, ratio) - missOf(b, ratio))[0] ?? options[3];
  }

  function pickAspect(aspect) {
    if (aspect === "image") return fill({ width: "", height: "" });
    const [across, down] = aspect.split(":").map(Number);
    const pixels = sideOf("width") * sideOf("height");
    if (sized !== `${control("width").value}x${control("height").value}` || !area) area = Math.min(pixels > 0 ? pixels : most(), most());
    const [width, height] = sidesFor(across / down);
    sized = `${width}x${height}`;
    return fill({ width, height });
  }

  function showSize() {
    if (!control("width") || !control("height")) return;
    const [width, height] = [sideOf("width"), sideOf("height")];
    for (const button of root().querySelectorAll("[data-aspect]")) {
      const [across, down] = button.dataset.aspect.split(":").map(Number);
      const isIt = button.dataset.aspect === "image" ? isAsImage() && hasReferences() : !(isAsImage() && hasReferences()) && missOf([width, height], across / down) < CLOSE;
      button.setAttribute("aria-pressed", String(isIt));
    }
    showMegapixels(width, height);
  }

  function showMegapixels(width, height) {
    const note = part("[data-megapixels]");
    const wrong = [control("width"), control("height")].find(({ validity }) => validity.customError);
    const pixels = `${Number(((width * height) / MEGAPIXEL).toFixed(2))} MP`;
    const size = isAsImage() ? (hasReferences() ? "The size of image 1, 1 MP at most." : `${width} × ${height}, ${pixels}.`) : `${pixels}. ${note.dataset.rule}`;
    note.classList.toggle("is-wrong", Boolean(wrong));
    const isTold = Boolean(part("[data-size] .field-errors")); // by the server, beneath
    const words = wrong && !isTold ? wrong.validationMessage : size;
    if (note.textContent !== words) note.textContent = words;
  }

  // --- Seed: locked while one stands in the field, drawn anew for each run while none does ------------------------

  const draw = () => String(crypto.getRandomValues(new Uint32Array(1))[0]);
  const newest = () => [...document.querySelectorAll("#results .facts [data-copy]")].map(({ dataset }) => dataset.copy).find((text) => /^\d+$/.test(text));

  function showSeed() {
    const seed = control("seed");
    if (!seed) return;
    const lock = part("[data-lock-seed]");
    const isLocked = seed.value !== "";
    lock.setAttribute("aria-pressed", String(isLocked));
    lock.title = isLocked ? "Unlock: a seed of its own for each run" : "Lock the seed of the newest result";
    const count = Number(control("count").value);
    const note = part("[data-seed-range]");
    note.hidden = !(count > 1 && /^-?\d+$/.test(seed.value));
    note.textContent = note.hidden ? "" : `Seeds ${seed.value} to ${BigInt(seed.value) + BigInt(count - 1)}`;
  }

  // --- Another model: what is untouched follows it; what was changed stays, and comes back where it was away -------

  const changed = new Map();
  let meanwhile = null; // names of what was filled in while the parameters of another model were on their way

  const isUntouched = (input) => isSame(valueOf(input), input.dataset.default);

  function remember() {
    for (const input of root().querySelectorAll("[name]")) {
      if (!isUntouched(input) || meanwhile?.has(input.name)) changed.set(input.name, valueOf(input));
      else changed.delete(input.name);
    }
  }

  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id !== "parameters") return;
    for (const input of root().querySelectorAll("[name]")) if (isUntouched(input)) delete detail.parameters[input.name];
    meanwhile = new Set();
  });
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id === "parameters" && detail.shouldSwap) remember();
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.id === "parameters") meanwhile = null;
  });

  function restore() {
    for (const [name, value] of changed) if (control(name)) put(control(name), value);
  }

  // --- Events ----------------------------------------------------------------------------------------------------

  function show() {
    if (!root()) return;
    check();
    showStrength();
    showSize();
    showSeed();
    document.body.dispatchEvent(new Event("parameters-checked"));
  }

  function enhance() {
    for (const element of root()?.querySelectorAll("[data-scripted]") ?? []) element.hidden = false;
    show();
  }

  document.addEventListener("input", ({ target }) => {
    if (!root()?.contains(target)) return;
    if (target.matches("[data-strength-range]")) control("finetune_strength").value = target.value;
    meanwhile?.add(target.name);
    show();
  });
  // A reference image that came or went; a result that has a seed.
  document.body.addEventListener("price-changed", show);
  document.addEventListener("change", ({ target }) => {
    if (target.closest("#generate")) show();
  });

  const ACTIONS = {
    "[data-use-recommended]": ({ parentElement }) => {
      fill({ finetune_strength: parentElement.dataset.recommended });
      control("finetune_strength").focus(); // the button is gone
    },
    "[data-aspect]": ({ dataset }) => pickAspect(dataset.aspect),
    "[data-swap-sides]": () => fill({ width: control("height").value, height: control("width").value }),
    "[data-lock-seed]": () => fill({ seed: control("seed").value ? "" : newest() ?? draw() }),
    "[data-dice]": () => fill({ seed: draw() }),
    "[data-step]": ({ dataset }) => {
      const { min, max, value } = control("count");
      fill({ count: Math.min(Math.max((Number(value) || 1) + Number(dataset.step), Number(min)), Number(max)) });
    },
  };

  document.addEventListener("click", ({ target }) => {
    if (!root()?.contains(target)) return;
    for (const [selector, act] of Object.entries(ACTIONS)) {
      const element = target.closest(selector);
      if (element) act(element);
    }
  });

  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id === "parameters") restore();
    if (target.id === "parameters" || target.id === "generate") enhance();
  });

  enhance();
})();
