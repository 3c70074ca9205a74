// CSRF for htmx requests, and an answer in words when one fails.
import { toast } from "./toasts.js";

export function startHtmx() {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  document.addEventListener("htmx:configRequest", (event) => {
    if (token) event.detail.headers["X-CSRFToken"] = token;
  });
  // A form that came back with errors is answered 422 and shown in place.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 422 || event.detail.xhr.status === 409) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  // What refreshes itself waits while the keyboard is in it: the focus would be gone.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    const refreshesItself = part.getAttribute("hx-trigger")?.startsWith("every");
    if (refreshesItself && part.querySelector(":focus-visible")) event.preventDefault();
  });
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const words = {
      403: "You are not allowed to do that, or you have been signed out. Reload the page.",
      404: "That no longer exists. Reload the page.",
      429: "Too many requests. Wait a moment and try again.",
    };
    toast("error", words[status] ?? "The server could not do that. Nothing was changed; try again.");
  });
  document.addEventListener("htmx:sendError", () => {
    toast("error", "The server cannot be reached. Check your connection and try again.");
  });
}
