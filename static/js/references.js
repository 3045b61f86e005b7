// Reference images of the Playground's form: laid in by drop, paste, click or from a result, ordered and removed.
(() => {
  "use strict";

  const MAX_BYTES = 20_000_000;
  const LOST = "could not be laid in. Check your connection and try again.";

  const form = () => document.getElementById("generate");
  const field = () => document.getElementById("references");
  const part = (name) => field().querySelector(`[data-reference-${name}]`);
  const chips = () => [...part("list").querySelectorAll("[data-reference]")];
  const nameOf = (chip) => chip.dataset.name;
  const limit = () => document.getElementById("reference-limit").dataset;
  const most = () => Number(limit().most) || Infinity;
  const images = (count) => (count === 1 ? "one reference image" : `${count} reference images`);
  const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function announce(text) {
    document.getElementById("announcement").textContent = text;
  }

  // --- What stands there ----------------------------------------------------------------------------------------

  const pending = new Set(); // chips whose file is on its way

  function enhance() {
    if (!field()) return;
    field().classList.add("is-enhanced");
    field().querySelector("input[type=file]").removeAttribute("name"); // its files go by themselves, at once
    field().querySelector(".reference-ways").hidden = false;
    chips().forEach(prepare);
    part("list").append(...pending); // the form was replaced meanwhile
    show();
  }

  function prepare(chip) {
    chip.querySelector(".reference-unwanted")?.remove();
    for (const tool of chip.querySelectorAll("[hidden]")) tool.hidden = false;
    chip.draggable = true;
  }

  function show() {
    const all = chips();
    part("count").textContent = all.length ? ` ${all.length} of ${limit().most}` : ` up to ${limit().most}`;
    field().classList.toggle("is-full", all.length >= most());
    form().toggleAttribute("data-has-references", all.length > 0);
    all.forEach((chip, place) => {
      for (const button of chip.querySelectorAll("[data-reference-move]")) {
        button.hidden = all.length < 2;
        button.setAttribute("aria-disabled", String(!all[place + Number(button.dataset.referenceMove)]));
      }
    });
    showLimit(all.length - most());
  }

  function showLimit(over) {
    const isTold = field().querySelector("#id_references_error");
    const text = over > 0 && !isTold ? `${limit().modelName} takes ${images(most())} at most: remove ${over}.` : "";
    const note = document.getElementById("reference-limit");
    if (note.textContent !== text) note.textContent = text;
  }

  function changed() {
    document.getElementById("id_references_error")?.remove();
    show();
    if (!pending.size) document.body.dispatchEvent(new Event("price-changed")); // else once, with the last of them
  }

  // --- Laying in --------------------------------------------------------------------------------------------------

  function refuse(text) {
    const line = document.createElement("li");
    line.textContent = text;
    part("refusals").append(line);
  }

  function layInFiles(files) {
    part("refusals").replaceChildren();
    for (const file of files) {
      if (chips().length >= most()) refuse(`${file.name}: there is no room, ${limit().modelName} takes ${images(most())} at most.`);
      else if (file.size > MAX_BYTES) refuse(`${file.name}: The image should be at most 20 MB.`);
      else upload(file);
    }
  }

  function upload(file) {
    const chip = part("pending").content.firstElementChild.cloneNode(true);
    chip.dataset.name = file.name;
    for (const name of chip.querySelectorAll("[data-pending-name]")) name.textContent = file.name;
    const preview = chip.querySelector("[data-preview]");
    preview.onerror = () => preview.removeAttribute("src"); // some kinds no browser shows
    preview.src = URL.createObjectURL(file);
    part("list").append(chip);
    pending.add(chip);
    show();
    chip.sent = send(file, chip).then((answer) => {
      URL.revokeObjectURL(preview.src);
      pending.delete(chip);
      if (chip.isAborted) return true;
      return take(answer, file.name, chip);
    });
  }

  // XMLHttpRequest, for fetch tells no progress of what it sends.
  function send(file, chip) {
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form().elements.namedItem("csrfmiddlewaretoken").value);
    body.append("reference_files", file, file.name);
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      chip.abort = () => request.abort();
      request.upload.onprogress = (event) => { chip.querySelector("[data-progress]").value = (100 * event.loaded) / event.total; };
      request.onloadend = () => resolve(request.responseText);
      request.open("POST", field().dataset.references);
      request.send(body);
    });
  }

  // Chips and refusals, as the server says them; whether it laid anything in.
  function take(html, name, place = null) {
    const answer = new DOMParser().parseFromString(html, "text/html");
    const found = [...answer.querySelectorAll("[data-reference]")].map((chip) => document.adoptNode(chip));
    const refusals = [...answer.querySelectorAll("[data-refusal]")].map((refusal) => refusal.textContent);
    if (!found.length && !refusals.length) refusals.push(`${name}: ${LOST}`);
    const hadFocus = place?.contains(document.activeElement);
    if (place?.isConnected) place.replaceWith(...found);
    else part("list").append(...found);
    found.forEach(prepare);
    refusals.forEach(refuse);
    if (hadFocus) focusAt(found[0]);
    changed();
    for (const chip of found) announce(`${nameOf(chip)} is reference image ${chips().indexOf(chip) + 1}.`);
    return found.length > 0;
  }

  async function layInResult(value) {
    part("refusals").replaceChildren();
    const standing = chips().find((chip) => chip.dataset.reference === value);
    if (standing) announce(`It is reference image ${chips().indexOf(standing) + 1} already.`);
    else if (chips().length >= most()) refuse(`There is no room: ${limit().modelName} takes ${images(most())} at most.`);
    else take(await ask(value), "The result");
  }

  async function ask(value) {
    try {
      const answer = await fetch(`${field().dataset.references}?references=${encodeURIComponent(value)}`);
      return await answer.text();
    } catch {
      return "";
    }
  }

  // --- Order and removal ------------------------------------------------------------------------------------------

  function move(chip, by) {
    const all = chips();
    const other = all[all.indexOf(chip) + by];
    if (!other) return;
    if (by < 0) other.before(chip);
    else other.after(chip);
    changed();
    chip.querySelector(`[data-reference-move="${by}"]`).focus(); // moving a node takes the focus from it
    tellPlace(chip);
  }

  function tellPlace(chip) {
    announce(`${nameOf(chip)} is now reference image ${chips().indexOf(chip) + 1} of ${chips().length}.`);
  }

  function remove(chip) {
    const place = chips().indexOf(chip);
    if (pending.delete(chip)) {
      chip.isAborted = true;
      chip.abort();
    }
    chip.remove();
    part("refusals").replaceChildren();
    changed();
    focusAt(chips()[place] ?? chips()[place - 1]);
    announce(`Removed ${nameOf(chip)}.`);
  }

  function focusAt(chip) {
    (chip?.querySelector("[data-reference-remove]") ?? field().querySelector("input[type=file]")).focus();
  }

  document.addEventListener("click", async (event) => {
    if (!field()) return;
    const chip = event.target.closest("[data-reference]");
    const mover = event.target.closest("[data-reference-move]");
    if (mover) move(chip, Number(mover.dataset.referenceMove));
    else if (event.target.closest("[data-reference-remove]")) remove(chip);
    else await useAsInput(event);
  });

  async function useAsInput(event) {
    const link = event.target.closest("a[data-use-as-input]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const value = link.dataset.useAsInput;
    link.closest("dialog")?.close();
    await layInResult(value);
    form().elements.namedItem("prompt").focus({ preventScroll: true });
    field().scrollIntoView({ block: "center", behavior: isCalm() ? "auto" : "smooth" });
  }

  document.addEventListener("change", (event) => {
    if (event.target.id !== "id_reference_files") return;
    layInFiles([...event.target.files]);
    event.target.value = ""; // the same file may be chosen again
  });

  // --- Paste: an image, unless there is text to paste as well -------------------------------------------------------

  document.addEventListener("paste", (event) => {
    const isInForm = event.target === document.body || event.target.closest?.("#generate");
    const files = [...(event.clipboardData?.files ?? [])];
    if (!field() || !isInForm || !files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    layInFiles(files);
  });

  // --- Drag: a chip to its place; a file or a result's picture onto the form ----------------------------------------

  let dragged = null; // the chip
  let before = []; // the order to go back to
  let result = ""; // what the dragged picture is called

  document.addEventListener("dragstart", (event) => {
    if (!field()) return;
    dragged = event.target.closest?.("#references [data-reference]") ?? null;
    const card = event.target.closest?.("a.picture")?.closest(".generation");
    result = card?.querySelector("a[data-use-as-input]")?.dataset.useAsInput ?? "";
    if (!dragged) return;
    before = chips();
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("application/x-reference", nameOf(dragged));
    dragged.classList.add("is-dragged");
  });

  document.addEventListener("dragover", (event) => {
    if (!field()) return;
    if (dragged) return dragOver(event);
    if (!result && !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // beside the form the browser would leave the page for the file
    const isOver = Boolean(event.target.closest?.("#generate"));
    event.dataTransfer.dropEffect = isOver ? "copy" : "none";
    form().classList.toggle("is-over", isOver);
  });

  function dragOver(event) {
    const other = event.target.closest?.("[data-reference]");
    if (!event.target.closest?.("[data-reference-list]")) return;
    event.preventDefault();
    if (!other || other === dragged) return;
    if (chips().indexOf(other) > chips().indexOf(dragged)) other.after(dragged);
    else other.before(dragged);
  }

  document.addEventListener("drop", (event) => {
    const isOver = form()?.classList.contains("is-over");
    form()?.classList.remove("is-over");
    if (dragged) return event.preventDefault();
    if (!isOver || !event.target.closest?.("#generate")) return;
    event.preventDefault();
    if (result) layInResult(result);
    else layInFiles([...event.dataTransfer.files]);
  });

  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form()?.classList.remove("is-over");
  });

  document.addEventListener("dragend", (event) => {
    form()?.classList.remove("is-over");
    result = "";
    if (!dragged) return;
    const chip = dragged;
    dragged = null;
    chip.classList.remove("is-dragged");
    if (event.dataTransfer.dropEffect === "none") part("list").append(...before.filter((one) => one.isConnected));
    changed();
    tellPlace(chip);
  });

  // --- Generate waits for what is on its way, and does not run without it ---------------------------------------------

  document.addEventListener("htmx:confirm", async (event) => {
    if (event.detail.elt !== form() || !pending.size) return;
    event.preventDefault();
    announce("Waiting for the reference images.");
    const arrived = await Promise.all([...pending].map((chip) => chip.sent));
    if (arrived.every(Boolean) && event.detail.elt.isConnected) event.detail.issueRequest(true);
  });

  document.addEventListener("htmx:load", (event) => {
    if (event.target.id === "generate") enhance();
    if (event.target.id === "reference-limit") show();
  });

  enhance();
})();
