// The Add Finetune form, on its page and in the dialog: previews the ID, pairs precision with base model, shows the
// chosen file and how far its upload is. Everything works without it; the server decides.
(() => {
  const BF16_BASE_MODEL = "flux-2-klein-9b-kv";
  const formOf = (element) => element.closest?.("form.add-finetune");

  function sizeText(bytes) {
    if (bytes < 2 ** 20) return `${Math.max(1, Math.round(bytes / 2 ** 10))} KB`;
    return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(2)} GB`;
  }

  // Same length in and out, so that the caret stays where it is.
  function tidyName(input) {
    const tidy = input.value.toLowerCase().replace(/\s/g, "-");
    if (tidy === input.value) return;
    const caret = input.selectionStart;
    input.value = tidy;
    input.setSelectionRange(caret, caret);
  }

  function previewId(form) {
    const { value, validity } = form.elements.name;
    const preview = form.querySelector("[data-id-preview]");
    preview.hidden = !value || validity.patternMismatch;
    preview.querySelector("[data-own-id]").textContent = value;
    preview.querySelector("[data-shared-id]").textContent = `${form.dataset.orgId}/${value}`;
  }

  function pairPrecision(form) {
    const precision = form.elements.precision;
    const bf16 = precision.querySelector("option[value=bf16]");
    bf16.disabled = form.elements.base_model.value !== BF16_BASE_MODEL;
    if (bf16.disabled && precision.value === "bf16") precision.value = "fp8";
  }

  function showFile(form) {
    const zone = form.querySelector("[data-dropzone]");
    const input = form.elements.checkpoint;
    const [file] = input.files;
    zone.classList.toggle("has-file", Boolean(file));
    input.setCustomValidity("");
    if (!file) return;
    const text = zone.querySelector("[data-dropzone-text]");
    const name = document.createElement("strong");
    name.textContent = file.name;
    text.replaceChildren(name, ` ${sizeText(file.size)}`);
    const limit = Number(zone.dataset.maxBytes);
    if (file.size > limit) {
      input.setCustomValidity(`This file has ${sizeText(file.size)}; a checkpoint may have ${sizeText(limit)}.`);
      input.reportValidity();
    }
  }

  function prepare(form) {
    if (!form) return;
    previewId(form);
    pairPrecision(form);
    showFile(form);
  }

  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (form && event.target.name === "name") {
      tidyName(event.target);
      previewId(form);
    }
  });
  document.addEventListener("change", (event) => {
    const form = formOf(event.target);
    if (form && event.target.name === "base_model") pairPrecision(form);
    if (form && event.target.name === "checkpoint") showFile(form);
  });
  for (const [type, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(type, (event) => {
      event.target.closest?.("[data-dropzone]")?.classList.toggle("is-over", over);
    });
  }

  // --- Upload -------------------------------------------------------------------------------------------------

  function showUpload(form, text) {
    form.querySelector("[data-upload]").hidden = false;
    const status = form.querySelector("[data-upload-text]");
    if (status.textContent !== text) status.textContent = text;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = formOf(event.detail.elt);
    if (!form || event.detail.elt !== form) return;
    form.querySelector("progress").value = 0;
    showUpload(form, "Uploading…");
  });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const form = formOf(event.target);
    const size = form?.elements.checkpoint.files[0]?.size ?? 0;
    const { loaded, total } = event.detail;
    if (!form || total <= size) return; // the answer's own progress is of no interest
    form.querySelector("progress").value = (100 * loaded) / total;
    showUpload(form, loaded < total ? `Uploading ${sizeText(size)}` : "Checking the file…");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = formOf(event.detail.elt);
    if (form) form.querySelector("[data-upload]").hidden = true;
  });

  document.addEventListener("htmx:load", (event) => prepare(event.target.querySelector("form.add-finetune") ?? formOf(event.target)));
  prepare(document.querySelector("form.add-finetune"));
})();
