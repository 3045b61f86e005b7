// What is wrong with a field, said by a script as the server says it: beneath the field and to screen readers.
(() => {
  "use strict";

  function showError(form, name, message) {
    const input = form.elements[name];
    if (!input || input.type === "hidden" || input.type === "file") return false;
    clearError(input);
    const list = document.createElement("ul");
    list.className = "field-errors";
    list.id = `${input.id}_error`;
    list.dataset.fromScript = "";
    const item = document.createElement("li");
    item.textContent = message;
    list.append(item);
    input.after(list);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", [list.id, input.getAttribute("aria-describedby")].filter(Boolean).join(" "));
    return true;
  }

  function clearError(input) {
    const list = input.closest(".field")?.querySelector(".field-errors");
    if (!list) return;
    list.remove();
    input.removeAttribute("aria-invalid");
    const others = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== list.id);
    if (others.length) input.setAttribute("aria-describedby", others.join(" "));
    else input.removeAttribute("aria-describedby");
  }

  function clearErrors(form) {
    for (const list of form.querySelectorAll("[data-from-script]")) clearError(list.parentElement.querySelector("input, select"));
  }

  function focusError(form) {
    const list = form.querySelector("[data-from-script]");
    list?.parentElement.querySelector("input, select").focus();
    list?.scrollIntoView({ block: "center" });
    return Boolean(list);
  }

  window.fieldErrors = { showError, clearError, clearErrors, focusError };
})();
