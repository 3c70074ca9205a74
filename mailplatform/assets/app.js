// Behaviour shared by every signed-in page. htmx is loaded beside it, from django-htmx.
import { startDialogs } from "./js/dialogs.js";
import { startForms } from "./js/forms.js";
import { startHtmx } from "./js/htmx.js";
import { startTheme } from "./js/theme.js";
import { announce, startToasts } from "./js/toasts.js";
import { startViews } from "./js/views.js";

startTheme();
startToasts();
startDialogs();
startForms();
startViews();
startHtmx();

// Messages rendered with the page are not spoken by a live region, so say them once.
announce([...document.querySelectorAll("[data-message]")].map((node) => node.textContent.trim()).join(" "));
