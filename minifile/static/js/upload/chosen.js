// The list of what was chosen and is not yet on its way, and what of it would be refused.

import { countOfFiles, filesize } from "../units.js";
import { say } from "../words.js";

const MOST_ROWS = 200;

export class Chosen {
  constructor(form) {
    this.form = form;
    this.items = [];
    this.list = form.querySelector("[data-chosen]");
    this.total = form.querySelector("[data-total]");
    this.row = form.querySelector("template[data-row]");
    this.warning = form.querySelector("[data-warning]");
    this.limits = {
      fileSize: Number(form.dataset.maxFileSize),
      linkSize: Number(form.dataset.maxLinkSize),
      files: Number(form.dataset.maxLinkFiles),
    };
  }

  add(items) {
    this.items.push(...items);
    this.show();
  }

  clear() {
    this.items = [];
    this.show();
  }

  get size() {
    return this.items.reduce((bytes, { file }) => bytes + file.size, 0);
  }

  show() {
    const rows = this.items.slice(0, MOST_ROWS).map((item, index) => this.toRow(item, index));
    const more = this.items.length - rows.length;
    if (more > 0) rows.push(rest(more));
    this.list.replaceChildren(...rows);
    this.list.hidden = !rows.length;
    this.form.classList.toggle("filled", rows.length > 0);
    this.total.textContent = rows.length
      ? say.chosen(countOfFiles(this.items.length), filesize(this.size))
      : "";
    this.warn(rows.length ? this.fault() : "");
  }

  toRow(item, index) {
    const row = this.row.content.firstElementChild.cloneNode(true);
    row.querySelector(".name").textContent = item.path;
    row.querySelector(".size").textContent = filesize(item.file.size);
    row.classList.toggle("too-large", this.isTooLarge(item));
    row.querySelector("bdi").textContent = item.path;
    row.querySelector("button").addEventListener("click", () => {
      this.items = this.items.filter((other) => other !== item);
      this.show();
      const buttons = this.list.querySelectorAll("button");
      (buttons[Math.min(index, buttons.length - 1)] ?? this.form.querySelector("#file")).focus();
    });
    return row;
  }

  /** What of the choice will be left out or refused; nothing if all is well. */
  fault() {
    const limit = filesize(this.limits.fileSize);
    const large = this.items.filter((item) => this.isTooLarge(item));
    if (large.length === 1) return say.tooLarge(large[0].path, limit);
    if (large.length) return say.severalTooLarge(countOfFiles(large.length), limit);
    return this.refusal();
  }

  /** Why nothing of it can be sent. */
  refusal() {
    const { linkSize, files } = this.limits;
    const rest = this.items.filter((item) => !this.isTooLarge(item));
    if (!rest.length) return this.items.length ? say.allTooLarge : say.chooseFirst;
    if (rest.length > files) {
      return say.tooMany(countOfFiles(files), rest.length.toLocaleString("en"));
    }
    const size = rest.reduce((bytes, { file }) => bytes + file.size, 0);
    return size > linkSize ? say.linkTooLarge(filesize(linkSize)) : "";
  }

  isTooLarge({ file }) {
    return file.size > this.limits.fileSize;
  }

  warn(sentence) {
    this.warning.hidden = !sentence;
    this.warning.textContent = sentence;
  }
}

function rest(more) {
  const row = document.createElement("li");
  row.className = "rest";
  row.textContent = say.more(countOfFiles(more));
  return row;
}
