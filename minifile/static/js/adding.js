// Sends the files that are to be added, and shows how far they are.

import { filesize } from "./units.js";
import { words } from "./words.js";

const form = document.querySelector("form[data-adding]");
const part = (name) => form.querySelector(`[data-adding-${name}]`);
const input = form.querySelector("input[type=file]");
const error = form.querySelector(".error");
let request = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (request) return;
  request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (sent) => showProgress(sent.loaded, sent.total));
  request.addEventListener("load", () => answer(request));
  request.addEventListener("error", () => fail(words.adding.broken));
  request.addEventListener("abort", () => fail(words.adding.cancelled));
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.send(new FormData(form));
  switchTo(true);
  showProgress(0, 0);
  part("cancel").focus();
});

part("cancel").addEventListener("click", () => request?.abort());

// Whoever leaves in the middle has added nothing.
addEventListener("beforeunload", (event) => {
  if (request) event.preventDefault();
});

function answer(answered) {
  if (answered.status !== 201) return fail(refusal(answered));
  request = null;
  location.reload();
}

function refusal(answered) {
  try {
    return words.adding.refused(JSON.parse(answered.responseText).detail);
  } catch {
    if (answered.status === 413) return words.adding.blocked;
    return words.adding.broken;
  }
}

function fail(sentence) {
  request = null;
  switchTo(false);
  error.textContent = sentence;
  error.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.focus();
}

function switchTo(isSending) {
  part("choice").hidden = isSending;
  part("progress").hidden = !isSending;
  if (isSending) error.hidden = true;
}

function showProgress(sent, total) {
  const isThrough = total > 0 && sent >= total;
  form.querySelector("progress").value = total ? (100 * sent) / total : 0;
  part("words").textContent = isThrough ? words.adding.checking : words.adding.progress(filesize(sent), filesize(total));
}
