// One checkpoint on its way to the server by tus: pauses, goes on where it stood, and never gives up by itself.
(() => {
  "use strict";

  const { csrfToken, isReadable } = window.checkpoints;
  const CHUNK_BYTES = 8 * 2 ** 20;
  const LONGEST_PAUSE_S = 30;
  const STALLED_MS = 60_000; // a dead connection may say nothing for a quarter of an hour
  const SPEED_WINDOW_MS = 8_000;
  const MAX_TRIES_AT_ONCE = 3;
  const GONE = [404, 410];
  const OUT_OF_STEP = [409, 460];
  const PASSING = [408, 423, 425, 429, 500, 502, 503, 504];
  const CHANGED = "This file was changed or moved since it was chosen. Choose it again.";

  // An organization is part of the endpoint, so its uploads are found again by it alone.
  const fingerprint = (file, { endpoint }) =>
    Promise.resolve(["checkpoint", endpoint, file.name, file.size, file.lastModified].join("|"));

  function readAnswer(response) {
    try {
      const { message, field } = JSON.parse(response.getBody());
      return { message, field };
    } catch {
      return {};
    }
  }

  class Refusal extends Error {
    constructor(status) {
      super(`The server answered ${status}.`);
      this.status = status;
    }
  }

  // Bytes a second over the last seconds, so that the figure is calm.
  class Speed {
    #samples = [];

    note(bytes) {
      const now = performance.now();
      this.#samples.push({ now, bytes });
      while (this.#samples.length > 2 && now - this.#samples[0].now > SPEED_WINDOW_MS) this.#samples.shift();
    }

    forget() {
      this.#samples = [];
    }

    get perSecond() {
      const [first, last] = [this.#samples[0], this.#samples.at(-1)];
      return last && last.now - first.now > 500 ? (1000 * (last.bytes - first.bytes)) / (last.now - first.now) : 0;
    }
  }

  // `state` is new, sending, paused, lost, logged-out, failed, whole or ended; `changed` is called after each change.
  class Transfer {
    #upload;
    #timer;
    #watchdog;
    #earlierUrl = "";
    #tries = 0;
    #speed = new Speed();

    constructor(file, endpoint, changed) {
      this.file = file;
      this.sent = 0;
      this.state = "new";
      this.message = "";
      this.field = "";
      this.waitSeconds = 0;
      this.changed = changed;
      this.#upload = new window.tus.Upload(file, {
        endpoint,
        fingerprint,
        chunkSize: CHUNK_BYTES,
        retryDelays: null,
        onBeforeRequest: (request) => this.#send(request),
        onAfterResponse: (request, response) => this.#read(request, response),
        onProgress: (sent) => this.#progress(sent),
        onChunkComplete: () => { this.#tries = 0; },
        onSuccess: () => this.#become("whole"),
        onError: (error) => this.#fail(error),
      });
      window.addEventListener("online", this.#wakeUp);
    }

    get isBusy() {
      return ["sending", "paused", "lost", "logged-out"].includes(this.state);
    }

    get share() {
      return this.sent / this.file.size;
    }

    get speed() {
      return this.#speed.perSecond;
    }

    get secondsLeft() {
      return this.speed > 0 ? (this.file.size - this.sent) / this.speed : Infinity;
    }

    get started() {
      return !["new", "ended"].includes(this.state);
    }

    // What the server may check before a byte moves; an upload that goes on has said it at its beginning.
    set metadata(metadata) {
      this.#upload.options.metadata = metadata;
    }

    get id() {
      return this.url.split("/").filter(Boolean).at(-1) ?? "";
    }

    get url() {
      return this.#upload.url ?? this.#earlierUrl;
    }

    // What the server has of this file from an earlier attempt, in bytes.
    async findEarlier() {
      const earlier = (await this.#upload.findPreviousUploads()).at(-1);
      if (!earlier?.uploadUrl) return 0;
      const answer = await fetch(earlier.uploadUrl, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });
      if (GONE.includes(answer.status)) localStorage.removeItem(earlier.urlStorageKey);
      const length = Number(answer.headers.get("Upload-Length"));
      if (!answer.ok || length !== this.file.size) return 0;
      this.#upload.resumeFromPreviousUpload(earlier);
      this.#earlierUrl = earlier.uploadUrl;
      this.sent = Number(answer.headers.get("Upload-Offset"));
      return this.sent;
    }

    start() {
      this.#tries = 0;
      this.#go();
    }

    pause() {
      this.#stop("paused");
    }

    // Ends it here and on the server; what cannot be told to the server now expires there by itself.
    async cancel() {
      this.#stop("ended");
      this.forget();
      if (this.url) await window.tus.Upload.terminate(this.url, { onBeforeRequest: setToken }).catch(() => {});
    }

    // Leaves what the server has for another attempt with the same file.
    leave() {
      this.#stop("ended");
    }

    // The server has made a finetune of it: there is nothing left to go on with.
    async forget() {
      window.removeEventListener("online", this.#wakeUp);
      for (const earlier of await this.#upload.findPreviousUploads()) localStorage.removeItem(earlier.urlStorageKey);
    }

    #go() {
      clearTimeout(this.#timer);
      this.#speed.forget();
      this.message = this.field = "";
      this.#become("sending");
      this.#watch();
      this.#upload.start();
    }

    #stop(state) {
      clearTimeout(this.#timer);
      clearTimeout(this.#watchdog);
      this.#upload.abort();
      this.#become(state);
      if (state === "ended") window.removeEventListener("online", this.#wakeUp);
    }

    #become(state) {
      if (state !== "sending") clearTimeout(this.#watchdog);
      this.state = state;
      this.changed(this);
    }

    #send(request) {
      // tus.Upload looks at the file before it sends, and does not notice that it was stopped meanwhile.
      if (this.state !== "sending") throw new Error("stopped");
      setToken(request);
    }

    // tus.Upload would take any refusal of HEAD for a lost upload and begin anew; only a missing one is lost.
    #read(request, response) {
      const status = response.getStatus();
      const isLost = GONE.includes(status);
      if (request.getMethod() === "HEAD" && status >= 300 && !isLost) throw new Refusal(status);
    }

    #progress(sent) {
      this.sent = sent;
      this.#speed.note(sent);
      this.#watch();
      this.changed(this);
    }

    #watch() {
      clearTimeout(this.#watchdog);
      this.#watchdog = setTimeout(() => {
        this.#upload.abort();
        this.#wait();
      }, STALLED_MS);
    }

    async #fail(error) {
      if (this.state !== "sending") return;
      const response = error.originalResponse;
      const status = response?.getStatus() || error.causingError?.status || 0;
      const { message = "", field = "" } = response ? readAnswer(response) : {};
      const isOutOfStep = GONE.includes(status) || OUT_OF_STEP.includes(status);
      if (status === 0 && !(await isReadable(this.file))) this.#refuse(CHANGED);
      else if (status === 401 || status === 403) this.#refuse(message, "", "logged-out");
      else if (isOutOfStep && this.#tries < MAX_TRIES_AT_ONCE) this.#askAgain();
      else if (status === 0 || PASSING.includes(status)) this.#wait(status === 423);
      else this.#refuse(message || `The server refused the upload (${status}).`, field);
    }

    // A HEAD tells where the server stands; where it knows nothing of the upload, tus.Upload begins a new one.
    #askAgain() {
      this.#tries += 1;
      this.#go();
    }

    #refuse(message, field = "", state = "failed") {
      this.message = message;
      this.field = field;
      this.#become(state);
    }

    #wait(isLocked = false) {
      this.waitSeconds = Math.min(LONGEST_PAUSE_S, 2 ** this.#tries);
      this.message = isLocked ? "This file is being sent from somewhere else, perhaps another tab." : "";
      this.#tries += 1;
      this.#become("lost");
      this.#countDown();
    }

    #countDown() {
      this.#timer = setTimeout(() => {
        this.waitSeconds -= 1;
        if (this.waitSeconds <= 0) return this.#go();
        this.changed(this);
        this.#countDown();
      }, 1000);
    }

    #wakeUp = () => {
      if (this.state === "lost") this.#go();
    };
  }

  function setToken(request) {
    request.setHeader("X-CSRFToken", csrfToken());
  }

  window.checkpoints.Transfer = Transfer;
  window.checkpoints.terminate = (url) => window.tus.Upload.terminate(url, { onBeforeRequest: setToken }).catch(() => {});
})();
