// How files come into the page: pickers, drops (folders too), and paste of files and of text.

import { words } from "../words.js";

/** Call `add` with [{ file, path }] for all that the visitor brings, `warn` with a sentence. */
export function listen(form, { add, warn }) {
  const zone = form.querySelector("[data-drop]");
  for (const picker of form.querySelectorAll("input[type=file]")) {
    picker.addEventListener("change", () => {
      const files = [...picker.files];
      // The list is the page's own; the picker is free for the next choice.
      picker.value = "";
      add(files.map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    });
  }
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    add(await dropped(event.dataTransfer, warn));
  });
  listenToPaste(add);
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

async function dropped(transfer, warn) {
  // The list of items is gone after the first wait, so all are asked for first.
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const found = [];
  if (entries.some(({ entry }) => entry?.isDirectory)) warn(words.upload.reading);
  const failures = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) await walk(entry, found, failures);
    else if (file) found.push({ file, path: file.name });
  }
  warn(failures.length ? words.upload.unreadable(failures[0]) : "");
  return found;
}

async function walk(folder, found, failures) {
  const reader = folder.createReader();
  for (;;) {
    // It gives at most a hundred entries each time.
    const batch = await promised((...done) => reader.readEntries(...done)).catch(() => {
      failures.push(folder.name);
      return [];
    });
    if (!batch.length) return;
    for (const entry of batch) {
      if (entry.isDirectory) {
        await walk(entry, found, failures);
        continue;
      }
      const file = await promised((...done) => entry.file(...done)).catch(() => null);
      if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
      else failures.push(entry.name);
    }
  }
}

function promised(call) {
  return new Promise(call);
}

function listenToPaste(add) {
  let texts = 0;
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) return add(files.map((file) => ({ file, path: file.name })));
    if (event.target.closest?.("input, textarea, select")) return;
    const text = event.clipboardData.getData("text/plain");
    if (!text) return;
    texts += 1;
    const name = words.upload.pastedText(texts);
    add([{ file: new File([text], name, { type: "text/plain" }), path: name }]);
  });
}
