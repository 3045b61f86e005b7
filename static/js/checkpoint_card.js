// The part of a form that shows the chosen file: its name, what preflight found, and how far it is on its way.
(() => {
  "use strict";

  const { sizeText } = window.checkpoints;
  const MILESTONES = [25, 50, 75];
  const ASKS_FROM = 0.1; // what is lost by less is sent again in no time
  const NO_BREAK = "\u00a0";
  const BUTTONS = {
    sending: ["pause", "cancel"],
    paused: ["resume", "cancel"],
    lost: ["retry", "cancel"],
    "logged-out": ["retry", "cancel"],
    failed: ["retry", "cancel"],
  };
  const LOGGED_OUT = "You are logged out. Log in again in another tab, then press Try now: the upload goes on where it stands.";

  function timeText(seconds) {
    if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
    return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min left`;
  }

  const percentOf = (transfer) => Math.floor(100 * transfer.share);

  function progressText(transfer) {
    const parts = [`${percentOf(transfer)} %`, `${sizeText(transfer.sent)} of ${sizeText(transfer.file.size)}`];
    if (transfer.state === "sending" && transfer.speed > 0) {
      parts.push(`${sizeText(transfer.speed)}/s`, timeText(transfer.secondsLeft));
    }
    return parts.map((part) => part.replaceAll(" ", NO_BREAK)).join(" · ");
  }

  function messageOf(transfer) {
    if (transfer.state === "logged-out") return transfer.message || LOGGED_OUT;
    if (transfer.state === "failed") return transfer.message;
    if (transfer.state !== "lost") return "";
    const wait = navigator.onLine ? `Trying again in ${transfer.waitSeconds} s.` : "It goes on by itself as soon as you are online.";
    return `${transfer.message || (navigator.onLine ? "Connection lost." : "You are offline.")} ${wait}`;
  }

  class Card {
    #announced = "";
    #answer = null;
    #same = "";

    constructor(form) {
      this.root = form.querySelector("[data-checkpoint]");
      this.input = form.elements.checkpoint;
    }

    find(name) {
      return this.root.querySelector(`[data-${name}]`);
    }

    // --- The file ---------------------------------------------------------------------------------------------

    showFile(file, note = "") {
      this.find("file-card").classList.add("has-file");
      this.#same = "";
      this.find("file-name").textContent = file.name;
      this.find("file-name").title = file.name;
      this.showNote(file, note);
    }

    showNothing() {
      this.find("file-card").classList.remove("has-file");
      this.find("file-name").textContent = "Choose a .safetensors file or drop it here";
      this.find("file-name").title = "";
      this.find("file-note").textContent = this.find("file-note").dataset.fileNote;
      this.clearFound();
    }

    showNote(file, note) {
      this.find("file-note").textContent = note ? `${sizeText(file.size)} · ${note}` : sizeText(file.size);
    }

    say(text) {
      this.find("announcement").textContent = text;
    }

    // --- What preflight found -----------------------------------------------------------------------------------

    get finding() {
      const panel = this.find("finding");
      return panel ? JSON.parse(panel.dataset.finding) : null;
    }

    showFound(html) {
      this.find("found").innerHTML = html;
      this.#placeSame();
      this.#showVerdict();
    }

    // Words of the browser alone: the server could not be asked, or nothing can be read.
    showTrouble(text) {
      const trouble = document.createElement("p");
      trouble.className = "found-trouble";
      trouble.textContent = text;
      this.find("found").replaceChildren(trouble);
      this.#showVerdict();
      this.say(text);
    }

    // What was wrong with a field does not hold for its next value.
    forgetProblem(name) {
      this.root.querySelector(`[data-problem="${name}"]`)?.remove();
    }

    clearFound() {
      this.find("found").replaceChildren();
      this.#showVerdict();
    }

    showSame(html) {
      this.#same = html;
      this.#placeSame();
      const words = this.find("same")?.textContent.trim();
      if (words) this.say(words);
    }

    #placeSame() {
      const slot = this.find("same");
      if (slot) slot.innerHTML = this.#same;
    }

    #showVerdict() {
      const finding = this.finding;
      const isRefused = finding?.verdict === "refused";
      this.find("strip").hidden = !finding?.has_private;
      this.find("file-card").classList.toggle("is-refused", isRefused);
      if (isRefused) this.input.setAttribute("aria-invalid", "true");
      else this.input.removeAttribute("aria-invalid");
      this.input.setAttribute("aria-describedby", finding ? "file-note found-title found-text" : "file-note");
      this.root.querySelector(":scope > .field-errors")?.remove();
    }

    // --- The upload -----------------------------------------------------------------------------------------------

    showTransfer(transfer) {
      const { state } = transfer;
      this.find("upload").hidden = false;
      this.find("upload").dataset.state = state;
      this.root.querySelector("progress").value = 100 * transfer.share;
      this.find("upload-text").textContent = state === "paused" ? `Paused at ${progressText(transfer)}` : progressText(transfer);
      this.#showMessage(messageOf(transfer));
      this.#showButtons(BUTTONS[state] ?? []);
      this.#announce(transfer);
    }

    showFinishing() {
      this.#answer?.(false);
      this.find("upload").dataset.state = "finishing";
      this.root.querySelector("progress").value = 100;
      const text = this.find("upload-text");
      text.textContent = "The file is here. Finishing…";
      this.#showMessage("");
      if (this.find("upload-buttons").contains(document.activeElement)) {
        text.tabIndex = -1;
        text.focus();
      }
      this.#showButtons([]);
      this.say("The file is here. Finishing.");
    }

    showUnfinished() {
      this.find("upload-text").textContent = "The file is here, and nothing was added yet. Press the button below to try again.";
      this.say(this.find("upload-text").textContent);
    }

    hideTransfer() {
      this.find("upload").hidden = true;
      this.#announced = "";
    }

    focusButton() {
      this.find("upload-buttons").querySelector("button:not([hidden])")?.focus();
    }

    // A question in the place of the buttons; whether the answer is yes. A second question replaces the first.
    ask(text, yes) {
      this.#answer?.(false);
      const question = this.find("upload-question");
      this.find("question-text").textContent = text;
      this.find("question-yes").textContent = yes;
      this.find("upload-buttons").hidden = true;
      question.hidden = false;
      this.find("question-no").focus();
      question.scrollIntoView({ block: "nearest" });
      return new Promise((resolve) => {
        this.#answer = (answer) => {
          this.#answer = null;
          question.hidden = true;
          this.find("upload-buttons").hidden = false;
          resolve(answer);
        };
      });
    }

    answer(isYes) {
      const hadFocus = this.find("upload-question").contains(document.activeElement);
      this.#answer?.(isYes);
      if (hadFocus) this.focusButton();
    }

    get mustAsk() {
      return this.root.querySelector("progress").value > 100 * ASKS_FROM;
    }

    #showMessage(text) {
      const message = this.find("upload-message");
      message.hidden = !text;
      if (message.textContent !== text) message.textContent = text;
    }

    #showButtons(names) {
      const focused = this.root.querySelector("[data-upload-buttons] :focus");
      for (const name of ["pause", "resume", "retry", "cancel"]) this.find(`upload-${name}`).hidden = !names.includes(name);
      if (focused?.hidden) this.focusButton();
    }

    // Not every percent: a screen reader would never end.
    #announce(transfer) {
      const milestone = MILESTONES.findLast((each) => percentOf(transfer) >= each);
      const words = {
        sending: milestone ? `${milestone} % uploaded.` : "Uploading.",
        paused: `Paused at ${percentOf(transfer)} %.`,
        lost: "Connection lost. It is tried again by itself.",
      };
      const text = words[transfer.state] ?? messageOf(transfer);
      if (text && text !== this.#announced) this.say(text);
      this.#announced = text;
    }
  }

  window.checkpoints.Card = Card;
})();
