// Ties the one passkey button of a page to allauth's ceremony, and says in words what the browser refused.
(() => {
  const IDS = {
    login: "passkey",
    add: "passkey",
    authenticate: "passkey",
    credential: "id_credential",
    passwordless: "id_passwordless",
    data: "js_data",
  };
  const WORDS = {
    NotAllowedError: "No passkey was chosen, or it took too long. Try again.",
    InvalidStateError: "This device holds a passkey of yours already.",
    SecurityError: "Passkeys need this page at its host name and over HTTPS (or at localhost), not at an IP address.",
    NotSupportedError: "This device cannot hold such a passkey. Use another, or an authenticator app.",
  };
  const OTHERWISE = "That did not work. Reload this page and try again.";
  const UNKNOWN = "This browser knows no passkeys here. Use your password, or another browser.";

  const button = document.querySelector("[data-passkey]");
  const words = document.querySelector("[data-passkey-error]");
  if (!button || !words) return;

  if (!window.PublicKeyCredential) {
    button.addEventListener("click", () => { words.textContent = window.isSecureContext ? UNKNOWN : WORDS.SecurityError; });
    return;
  }
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault(); // which would leave it to the console
    words.textContent = WORDS[event.detail.exception?.name] || OTHERWISE;
  });
  button.addEventListener("click", () => { words.textContent = ""; });
  window.allauth.webauthn.forms[button.dataset.passkey]({ ids: IDS });
})();
