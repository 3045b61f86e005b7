// The API reference: Swagger UI over our own document, in the page's theme, with the key that the page was given.
(() => {
  "use strict";

  const root = document.documentElement;
  const place = document.getElementById("api-docs");
  // A link inside of a button is neither; the address still follows what is opened.
  const OURS = () => ({
    wrapComponents: { DeepLink: (_, { React }) => ({ text }) => React.createElement("span", null, text) },
  });
  // What Swagger UI leaves without a name, or lets scroll without a keyboard.
  const NAMES = [
    [".copy-to-clipboard button", "aria-label", "Copy"],
    ["textarea.body-param__text", "aria-label", "Request body"],
    ["select:not([id])", "aria-label", "Media type"],
    ["pre", "tabindex", "0"],
    [".table-container, .parameters-container", "tabindex", "0"],
  ];

  function followTheme() {
    root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark");
  }
  new MutationObserver(followTheme).observe(root, { attributeFilter: ["data-bs-theme"] });
  followTheme();

  function complete() {
    for (const [selector, attribute, value] of NAMES) {
      for (const element of place.querySelectorAll(selector)) {
        if (!element.hasAttribute(attribute)) element.setAttribute(attribute, value);
      }
    }
    for (const table of place.querySelectorAll("table[role]")) table.removeAttribute("role");
  }
  new MutationObserver(complete).observe(place, { childList: true, subtree: true });

  let key = "", isLoaded = false;
  const ui = SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [OURS],
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    defaultModelExpandDepth: 2,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    syntaxHighlight: false,
    validatorUrl: null,
    onComplete() { isLoaded = true; authorize(); },
  });

  // A key may be there before the document is, which says how a key is sent.
  function authorize() {
    if (isLoaded && key) ui.preauthorizeApiKey("APIKeyHeader", key);
  }

  function use(chosen) {
    key = chosen;
    authorize();
  }

  // A key that was just made; it is taken out of the page.
  function takeKey() {
    const state = document.querySelector("[data-trial-key]");
    if (!state) return;
    use(state.dataset.trialKey);
    delete state.dataset.trialKey;
  }
  document.addEventListener("htmx:load", takeKey);
  takeKey();

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-paste-key]");
    if (!form) return;
    event.preventDefault();
    const field = form.querySelector("input");
    use(field.value.trim());
    field.value = "";
    document.querySelector("#trial .trial-state span").textContent = "The calls below go out with the key that you pasted.";
  });
})();
