// What the browser itself reads of a chosen checkpoint: the header that preflight sends, and a digest of the weights.
(() => {
  "use strict";

  const LENGTH_BYTES = 8;
  const PREFIX_BYTES = 64; // enough for the server to recognise other file types
  const MAX_HEADER_BYTES = 8 * 2 ** 20;
  const MAX_TENSOR_BYTES = 256 * 2 ** 20; // one tensor at a time stands in memory
  const OPENING_BRACE = 0x7b;

  function sizeText(bytes) {
    if (bytes < 2 ** 10) return `${bytes} bytes`;
    if (bytes < 2 ** 20) return `${Math.round(bytes / 2 ** 10)} KB`;
    return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(2)} GB`;
  }

  // Where the header ends; 0 for a file whose first bytes cannot begin one.
  async function headerEnd(file) {
    const prefix = new DataView(await file.slice(0, LENGTH_BYTES + 1).arrayBuffer());
    if (prefix.byteLength <= LENGTH_BYTES || prefix.getUint8(LENGTH_BYTES) !== OPENING_BRACE) return 0;
    const length = prefix.getBigUint64(0, true);
    if (length > BigInt(MAX_HEADER_BYTES)) return 0;
    const end = LENGTH_BYTES + Number(length);
    return end <= file.size ? end : 0;
  }

  async function headOf(file) {
    return file.slice(0, (await headerEnd(file)) || PREFIX_BYTES);
  }

  async function sha256(bytes) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // The digest of finetunes/checkpoints/digests.py; "" where this browser cannot tell it.
  async function weightsDigest(file, signal) {
    const end = await headerEnd(file);
    if (!end || !globalThis.crypto?.subtle) return "";
    const header = JSON.parse(await file.slice(LENGTH_BYTES, end).text());
    const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
    if (tensors.some(([, { data_offsets: [begin, stop] }]) => stop - begin > MAX_TENSOR_BYTES)) return "";
    const entries = [];
    for (const [name, { dtype, shape, data_offsets: [begin, stop] }] of tensors) {
      signal.throwIfAborted();
      const digest = await sha256(await file.slice(end + begin, end + stop).arrayBuffer());
      entries.push(await sha256(new TextEncoder().encode(`${name}\0${dtype}\0${shape.join(",")}\0${digest}`)));
    }
    return sha256(new TextEncoder().encode(entries.sort().join("")));
  }

  // A file that was moved, changed or unplugged since it was chosen.
  async function isReadable(file) {
    try {
      await file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  // From the cookie: logging in again, in any tab, changes it. The form's own token is as old as the page.
  function csrfToken() {
    return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
  }

  window.checkpoints = { sizeText, headOf, weightsDigest, isReadable, csrfToken };
})();
