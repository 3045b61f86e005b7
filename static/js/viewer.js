// The result viewer: an image large in a dialog, with zoom, and the others of the page by arrows.
(() => {
  "use strict";

  const viewer = document.getElementById("viewer");
  if (!viewer) return;
  const part = (name) => viewer.querySelector(`[data-viewer-${name}]`);
  const stage = part("stage");
  const image = part("image");
  const LEVELS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
  const FIT = 0;
  let level = FIT;
  let shown = ""; // the id of the card, which may be replaced meanwhile

  const links = () => [...document.querySelectorAll(".generation a.picture[data-view]")];
  const cardOf = (link) => link.closest(".generation");
  const linkShown = () => document.getElementById(shown)?.querySelector("a.picture");

  // --- Showing --------------------------------------------------------------------------------------------------

  function show(link) {
    const all = links();
    const card = cardOf(link);
    shown = card.id;
    image.src = link.dataset.view;
    image.alt = link.querySelector("img").alt;
    part("page").href = link.href;
    part("download").href = `${link.dataset.view}?download=1`;
    showInput(card.querySelector("a[data-use-as-input]"));
    part("place").textContent = all.length > 1 ? `${all.indexOf(link) + 1} of ${all.length}` : "";
    part("caption").replaceChildren(card.querySelector("template[data-details]").content.cloneNode(true));
    for (const button of viewer.querySelectorAll("[data-viewer-step]")) button.hidden = all.length < 2;
    zoomTo(FIT);
  }

  function showInput(link) {
    part("input").hidden = !link;
    if (!link) return;
    part("input").href = link.href;
    part("input").dataset.useAsInput = link.dataset.useAsInput;
  }

  function step(by) {
    const all = links();
    const at = all.findIndex((link) => cardOf(link).id === shown);
    if (all.length > 1) show(all[(at + by + all.length) % all.length]);
  }

  // --- Zoom -----------------------------------------------------------------------------------------------------

  // By attributes of the image: a strict policy allows no style in the page.
  function zoomTo(next) {
    level = next;
    stage.classList.toggle("is-zoomed", level !== FIT);
    if (level === FIT) image.removeAttribute("width");
    else image.width = Math.round(image.naturalWidth * level);
    part("level").textContent = level === FIT ? "Fit" : `${Math.round(level * 100)} %`;
  }

  const fitLevel = () => (image.naturalWidth ? image.clientWidth / image.naturalWidth : 1);

  function zoomBy(direction) {
    const now = level === FIT ? fitLevel() : level;
    const next = direction > 0 ? LEVELS.find((one) => one > now + 0.01) : LEVELS.findLast((one) => one < now - 0.01);
    if (next) zoomTo(next);
  }

  // To 100 % with the pixel that was clicked in the middle; back by the next click.
  function toggleZoom(event) {
    if (level !== FIT) return zoomTo(FIT);
    const x = event.offsetX / image.clientWidth;
    const y = event.offsetY / image.clientHeight;
    zoomTo(1);
    stage.scrollTo(x * image.clientWidth - stage.clientWidth / 2, y * image.clientHeight - stage.clientHeight / 2);
  }

  // --- Events ---------------------------------------------------------------------------------------------------

  const isPlain = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".generation a.picture[data-view]");
    if (!link || !isPlain(event) || event.defaultPrevented) return;
    event.preventDefault();
    show(link);
    viewer.showModal();
    stage.focus();
  });

  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === image) toggleZoom(event);
    else if (event.target === stage || button?.dataset.viewerClose !== undefined) viewer.close();
    else if (button?.dataset.viewerStep) step(Number(button.dataset.viewerStep));
    else if (button?.dataset.viewerZoom === "0") zoomTo(level === FIT ? 1 : FIT);
    else if (button?.dataset.viewerZoom) zoomBy(Number(button.dataset.viewerZoom));
  });

  const KEYS = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    "+": () => zoomBy(1),
    "=": () => zoomBy(1),
    "-": () => zoomBy(-1),
    0: () => zoomTo(FIT),
    1: () => zoomTo(1),
  };

  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  viewer.addEventListener("close", () => {
    image.removeAttribute("src");
    linkShown()?.focus();
  });
})();
