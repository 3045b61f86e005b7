// Every <form data-checkpoint-form>: asks what a chosen file is, sends it by tus when the form is submitted, and then
// lets the form go on as it would without this script, with the upload's id in place of the file.
(() => {
  "use strict";

  const { Card, Transfer, csrfToken, headOf, terminate, weightsDigest } = window.checkpoints;
  const SELECTOR = "form[data-checkpoint-form]";
  const SENT_FIELDS = ["name", "base_model", "precision", "trigger_phrase"];
  const UNREACHABLE = "This file could not be checked: the server cannot be reached. Submit the form to try again.";
  const UNREADABLE = "The browser cannot read this file. Choose it again.";
  const { showError, clearError, clearErrors, focusError } = window.fieldErrors;
  const views = new WeakMap();

  class LoggedOut extends Error {}

  class CheckpointForm {
    #form;
    #card;
    #choice = new AbortController();
    #checking = Promise.resolve();
    #transfer = null;
    #earlier = 0;
    #isFinishing = false;
    #isPressed = false;

    constructor(form) {
      this.#form = form;
      this.#card = new Card(form);
      this.#card.find("strip").hidden = !this.#card.finding?.has_private;
      if (this.#input.files.length) this.choose(); // kept by the browser over a reload
      else this.#tell();
    }

    get isBusy() {
      return this.#isFinishing || Boolean(this.#transfer?.isBusy);
    }

    get #input() {
      return this.#form.elements.checkpoint;
    }

    get #file() {
      return this.#input.files[0];
    }

    get #isHere() {
      return this.#form.elements.upload.value !== "";
    }

    // --- Choosing -------------------------------------------------------------------------------------------------

    choose() {
      this.#choice.abort();
      this.#choice = new AbortController();
      this.#giveUpEarlier();
      const file = this.#file;
      this.#card.hideTransfer();
      if (!file) {
        this.#card.showNothing();
        return this.#tell();
      }
      this.#card.showFile(file, "checking…");
      this.#card.find("file-card").setAttribute("aria-busy", "true");
      this.#checking = this.#check(file, this.#choice.signal);
    }

    // A whole file that a refused form kept, in whose place another was chosen.
    #giveUpEarlier() {
      const { upload } = this.#form.elements;
      if (upload.value) terminate(`${this.#form.dataset.uploadsUrl}${upload.value}/`);
      upload.value = "";
      this.#transfer?.leave();
      this.#transfer = null;
      this.#earlier = 0;
    }

    async #check(file, signal) {
      try {
        await this.#findEarlier(file, signal);
        await this.#preflight(file, signal);
        if (this.#isUsable) this.#findSame(file, signal); // nobody waits for it
      } catch (error) {
        if (!signal.aborted) this.#card.showTrouble(troubleOf(error));
      } finally {
        if (!signal.aborted) this.#card.find("file-card").removeAttribute("aria-busy");
      }
    }

    async #preflight(file, signal, { isFinal = false } = {}) {
      const body = this.#question(file);
      body.set("head", await headOf(file), "head");
      if (isFinal) body.set("is_final", "on");
      const html = await this.#ask(body, signal);
      signal.throwIfAborted();
      // Another base model was chosen while this one was asked about.
      if (body.get("base_model") !== this.#valueOf("base_model")) return this.#preflight(file, signal, { isFinal });
      this.#card.showNote(file, this.#earlierNote(file));
      this.#card.showFound(html);
      this.#tell();
    }

    #earlierNote(file) {
      return this.#earlier ? `${Math.floor((100 * this.#earlier) / file.size)} % of this file is already here` : "";
    }

    #question(file) {
      const body = new FormData();
      body.set("size", file.size);
      body.set("file_name", file.name);
      body.set("version_of", this.#form.dataset.versionOf ?? "");
      body.set("upload", this.#earlier ? this.#transfer.id : "");
      for (const name of SENT_FIELDS) body.set(name, this.#valueOf(name));
      return body;
    }

    #valueOf(name) {
      return this.#form.elements[name]?.value ?? "";
    }

    async #ask(body, signal) {
      const headers = { "X-CSRFToken": csrfToken() };
      const answer = await fetch(this.#form.dataset.preflightUrl, { method: "POST", body, headers, signal });
      if (answer.redirected || answer.status === 403) throw new LoggedOut();
      if (!answer.ok && answer.status !== 422) throw new TypeError(`The server answered ${answer.status}.`);
      return answer.text();
    }

    async #findEarlier(file, signal) {
      const transfer = this.#begin(file);
      const earlier = await transfer.findEarlier().catch(() => 0);
      signal.throwIfAborted();
      this.#earlier = earlier;
      this.#transfer = transfer;
    }

    async #findSame(file, signal) {
      try {
        const digest = await weightsDigest(file, signal);
        if (!digest) return;
        const body = this.#question(file);
        body.set("weights_sha256", digest);
        const html = await this.#ask(body, signal);
        if (!signal.aborted) this.#card.showSame(html);
      } catch (error) {
        if (!signal.aborted) console.debug("The weights could not be compared.", error); // a convenience, no condition
      }
    }

    #tell() {
      const finding = this.#card.finding;
      clearErrors(this.#form);
      for (const [name, message] of Object.entries(finding?.errors ?? {})) showError(this.#form, name, message);
      const note = this.#file ? this.#earlierNote(this.#file) : "";
      if (finding) this.#card.say(`${finding.spoken} ${note && `${note}.`}`);
      this.#form.dispatchEvent(new CustomEvent("checkpoint:found", { detail: finding }));
    }

    get #isUsable() {
      return ["found", "closer"].includes(this.#card.finding?.verdict);
    }

    // What was said of one base model does not hold for another.
    reconsider(name) {
      this.#card.forgetProblem(name);
      if (name !== "base_model" || !this.#card.finding?.errors.base_model || this.isBusy) return;
      this.#checking = this.#recheck();
    }

    // Whether the file may be sent, by what the server says of it now.
    async #recheck(options) {
      const { signal } = this.#choice;
      try {
        await this.#preflight(this.#file, signal, options);
        return this.#isUsable;
      } catch (error) {
        if (!signal.aborted) this.#card.showTrouble(troubleOf(error));
        return false;
      }
    }

    // --- Sending --------------------------------------------------------------------------------------------------

    // Whether the form itself may go on now.
    submit() {
      if (this.#isHere) {
        this.#input.disabled = true; // its bytes are there already
        return true;
      }
      if (!this.#isPressed) this.#press();
      return false;
    }

    async #press() {
      this.#isPressed = true;
      try {
        await this.#send();
      } finally {
        this.#isPressed = false;
      }
    }

    async #send() {
      const file = this.#file;
      const { signal } = this.#choice;
      await this.#checking;
      if (file && !signal.aborted && !this.#card.finding) {
        this.#checking = this.#check(file, signal);
        await this.#checking;
      }
      if (signal.aborted || this.#transfer?.started) return;
      if (!this.#isUsable) return this.#refuse();
      // The server checks the fields when an upload begins; this one began with other fields, perhaps.
      if (this.#earlier && !(await this.#recheck({ isFinal: true }))) return;
      if (focusError(this.#form)) return;
      this.#lock(true);
      this.#transfer.metadata = this.#metadata(file);
      this.#transfer.start();
      this.#card.root.scrollIntoView({ block: "start" });
      this.#card.focusButton();
    }

    #refuse() {
      this.#input.focus();
      const finding = this.#card.finding;
      if (finding) this.#card.say(finding.spoken);
    }

    #begin(file) {
      return new Transfer(file, this.#form.dataset.uploadsUrl, (transfer) => this.#changed(transfer));
    }

    #metadata(file) {
      const version = this.#form.dataset.versionOf;
      const fields = version ? { version_of: version } : Object.fromEntries(SENT_FIELDS.map((name) => [name, this.#valueOf(name)]));
      return { filename: file.name, ...fields };
    }

    #changed(transfer) {
      if (transfer !== this.#transfer || transfer.state === "ended") return;
      if (transfer.state === "whole") return this.#finish();
      if (transfer.state === "failed" && transfer.field && showError(this.#form, transfer.field, transfer.message)) {
        return this.#backToFields();
      }
      this.#card.showTransfer(transfer);
    }

    // Nothing was sent yet: the server wants another name, say.
    #backToFields() {
      this.#card.hideTransfer();
      this.#lock(false);
      this.#restart();
      focusError(this.#form);
    }

    #restart() {
      this.#transfer.leave();
      this.#transfer = this.#begin(this.#file);
      this.#earlier = 0;
    }

    #finish() {
      this.#isFinishing = true;
      this.#card.showFinishing();
      this.#form.elements.upload.value = this.#transfer.id;
      this.#form.elements.csrfmiddlewaretoken.value = csrfToken();
      this.#lock(false);
      this.#fold(true);
      if (this.#form.reportValidity()) this.#form.requestSubmit();
      else this.notAdded();
    }

    // What was found gives its room to the upload.
    #fold(isFolded) {
      this.#form.toggleAttribute("data-is-sending", isFolded);
    }

    #lock(isLocked) {
      this.#fold(isLocked);
      this.#input.disabled = isLocked;
      for (const fields of this.#form.querySelectorAll("[data-fields]")) fields.disabled = isLocked;
      for (const button of this.#form.querySelectorAll("button[type=submit]")) button.disabled = isLocked;
    }

    // --- The buttons ----------------------------------------------------------------------------------------------

    async press(button) {
      if ("uploadPause" in button.dataset) this.#transfer.pause();
      else if ("uploadCancel" in button.dataset) await this.#cancel();
      else if ("questionNo" in button.dataset) this.#card.answer(false);
      else if ("questionYes" in button.dataset) this.#card.answer(true);
      else this.#transfer.start();
    }

    async #cancel() {
      const question = `Cancel the upload? The ${Math.floor(100 * this.#transfer.share)} % that is here already is deleted.`;
      if (this.#card.mustAsk && !(await this.#card.ask(question, "Cancel upload"))) return;
      const { url } = this.#transfer;
      await Promise.race([this.#transfer.cancel(), new Promise((resolve) => setTimeout(resolve, 2000))]);
      this.#card.hideTransfer();
      this.#lock(false);
      this.#restart();
      this.#card.showNote(this.#file, "");
      this.#card.say(url ? "The upload is cancelled." : "");
      this.#input.focus();
    }

    async askToClose() {
      if (this.#isFinishing) return false;
      const question = "Closing stops the upload. What is here already is kept for a day: choose the same file again to go on.";
      if (!(await this.#card.ask(question, "Stop and close"))) return false;
      this.end();
      return true;
    }

    // --- The answer to the form -------------------------------------------------------------------------------------

    end() {
      this.#choice.abort();
      this.#transfer?.leave();
      this.#isFinishing = false;
    }

    added() {
      this.#transfer?.forget();
      this.end();
    }

    notAdded() {
      if (!this.#isFinishing) return;
      this.#isFinishing = false;
      this.#fold(false);
      this.#input.disabled = false;
      this.#card.showUnfinished();
    }
  }

  const troubleOf = (error) => {
    if (error instanceof LoggedOut) return "This file could not be checked: you are logged out. Log in again in another tab, then submit this form.";
    return error instanceof DOMException && error.name !== "AbortError" ? UNREADABLE : UNREACHABLE;
  };

  // --- Events -------------------------------------------------------------------------------------------------------

  const viewOf = (element) => views.get(element?.closest?.(SELECTOR));

  function prepare(root) {
    for (const form of root.querySelectorAll?.(SELECTOR) ?? []) if (!views.has(form)) views.set(form, new CheckpointForm(form));
    if (root.matches?.(SELECTOR) && !views.has(root)) views.set(root, new CheckpointForm(root));
  }

  document.addEventListener("change", ({ target }) => {
    if (target.name === "checkpoint") viewOf(target)?.choose();
    else if (target.closest?.(`${SELECTOR} [data-fields]`)) {
      clearError(target);
      viewOf(target).reconsider(target.name);
    }
  });
  document.addEventListener("input", ({ target }) => {
    if (target.closest?.(`${SELECTOR} [data-fields]`)) clearError(target);
  });
  // Before htmx, which listens at the form.
  document.addEventListener("submit", (event) => {
    const view = viewOf(event.target);
    if (!view || view.submit()) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-upload] button");
    if (button) viewOf(button)?.press(button);
  });
  window.addEventListener("beforeunload", (event) => {
    const isBusy = [...document.querySelectorAll(SELECTOR)].some((form) => views.get(form)?.isBusy);
    if (isBusy) event.preventDefault();
  });

  // Before the shell, which closes the dialog whatever is on its way.
  document.addEventListener("hide.bs.modal", async (event) => {
    const view = views.get(event.target.querySelector?.(SELECTOR));
    if (!view) return;
    if (!view.isBusy) return view.end();
    event.preventDefault();
    event.stopPropagation();
    if (await view.askToClose()) document.dispatchEvent(new Event("dialog:close"));
  }, true);

  document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
    if (detail.elt.matches?.(SELECTOR) && detail.xhr.status < 300) viewOf(detail.elt)?.added();
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.matches?.(SELECTOR)) viewOf(detail.elt)?.notAdded();
  });
  document.addEventListener("htmx:load", (event) => prepare(event.target));

  prepare(document);
})();
