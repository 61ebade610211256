// The upload page with JavaScript: drop, paste, a list of what was chosen, and a warning before
// sending what would be refused. Sending is left to the form.

const form = document.querySelector("form[data-upload]");
const zone = form.querySelector("[data-drop]");
const pickers = [...form.querySelectorAll("input[type=file]")];
const list = form.querySelector("[data-chosen]");
const row = form.querySelector("template[data-row]");
const total = form.querySelector("[data-total]");
const warning = form.querySelector("[data-warning]");
const send = form.querySelector("[data-send]");
const MOST_ROWS = 200;
const limits = {
  fileSize: Number(form.dataset.maxFileSize),
  linkSize: Number(form.dataset.maxLinkSize),
  files: Number(form.dataset.maxLinkFiles),
};

enhance();

function enhance() {
  form.classList.add("enhanced");
  for (const label of form.querySelectorAll(".picker label")) label.classList.add("button", "big");
  for (const words of form.querySelectorAll("[data-enhanced]")) words.hidden = false;
  // Now the keyboard can follow the eye; `formdata` below keeps the options first on the wire.
  form.querySelector("[data-drop]").after(form.querySelector("[data-options]"));

  for (const picker of pickers) picker.addEventListener("change", show);
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", drop);
  document.addEventListener("paste", (event) => add(event.clipboardData.files));
  form.addEventListener("submit", submit);
  form.addEventListener("formdata", ({ formData }) => {
    const files = formData.getAll("file");
    formData.delete("file");
    for (const file of files) formData.append("file", file);
  });
  // The browser may bring the page back as it was left.
  window.addEventListener("pageshow", () => {
    setSending(false);
    show();
  });
}

function over(event) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.add("over");
}

function drop(event) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.remove("over");
  const items = [...event.dataTransfer.items];
  const folders = items.filter((item) => item.webkitGetAsEntry()?.isDirectory);
  add(items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile()));
  if (folders.length) warn("A folder can't be dropped here. Choose it with “Choose a folder”.");
}

/** Put more files beside those that the first picker has. */
function add(files) {
  const added = [...files].filter(Boolean);
  if (!added.length) return;
  setFiles(pickers[0], [...pickers[0].files, ...added]);
  show();
}

function setFiles(picker, files) {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  picker.files = transfer.files;
}

function chosen() {
  return pickers.flatMap((picker) => [...picker.files].map((file) => ({ picker, file })));
}

function show() {
  const all = chosen();
  const rows = all.slice(0, MOST_ROWS).map(toRow);
  if (all.length > MOST_ROWS) rows.push(restRow(all.length - MOST_ROWS));
  list.replaceChildren(...rows);
  list.hidden = !all.length;
  form.classList.toggle("filled", all.length > 0);
  total.textContent = all.length ? `${count(all.length)}, ${filesize(sum(all))}` : "";
  warn(fault(all));
}

function toRow({ picker, file }, index) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.querySelector(".name").textContent = file.webkitRelativePath || file.name;
  item.querySelector(".size").textContent = filesize(file.size);
  item.classList.toggle("too-large", file.size > limits.fileSize);
  item.querySelector("bdi").textContent = file.name;
  item.querySelector("button").addEventListener("click", () => {
    setFiles(picker, [...picker.files].filter((other) => other !== file));
    show();
    const buttons = list.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? pickers[0]).focus();
  });
  return item;
}

function restRow(more) {
  const item = document.createElement("li");
  item.className = "rest";
  item.textContent = `and ${count(more)} more`;
  return item;
}

/** Say why these files would be refused; nothing if they would not. */
function fault(all) {
  const large = all.filter(({ file }) => file.size > limits.fileSize);
  if (large.length) {
    const what = large.length === 1 ? `${large[0].file.name} is` : `${count(large.length)} are`;
    return `${what} over the limit of ${filesize(limits.fileSize)} for a file.`;
  }
  if (all.length > limits.files) return `One link holds at most ${count(limits.files)}.`;
  if (sum(all) > limits.linkSize) return `One link holds at most ${filesize(limits.linkSize)}.`;
  return "";
}

function warn(words) {
  warning.hidden = !words;
  warning.textContent = words;
}

function submit(event) {
  const all = chosen();
  const words = all.length ? fault(all) : "Choose a file first.";
  warn(words);
  if (words) {
    event.preventDefault();
    warning.focus();
    return;
  }
  setSending(true);
}

function setSending(sending) {
  send.disabled = sending;
  send.textContent = sending ? "Uploading…" : "Upload";
}

function sum(all) {
  return all.reduce((bytes, { file }) => bytes + file.size, 0);
}

function count(files) {
  return `${files.toLocaleString("en")} ${files === 1 ? "file" : "files"}`;
}

/** The words of the `filesize` template filter. */
function filesize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = bytes / 1024;
  while (size >= 1023.5 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return `${size.toFixed(size < 99.95 ? 1 : 0).replace(/\.0$/, "")} ${units[0]}`;
}
