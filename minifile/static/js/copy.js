// Gives each address field its Copy button.

import { words as catalogue } from "./words.js";

const say = catalogue.copy;

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const words = button.querySelector("[data-copy-words]");
  const status = document.querySelector(`[data-copied="${field.id}"]`);
  const atRest = words.textContent;
  let timer;

  button.hidden = false;
  button.addEventListener("click", async () => {
    words.textContent = (await copy(field)) ? say.copied : say.byHand;
    status.textContent = words.textContent;
    clearTimeout(timer);
    timer = setTimeout(() => {
      words.textContent = atRest;
      status.textContent = "";
    }, 3000);
  });
  field.addEventListener("focus", () => field.select());
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // On plain http there is no clipboard object; the selection can be copied all the same.
    field.select();
    return document.execCommand("copy");
  }
}
