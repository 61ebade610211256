// An upload that a reload or a crash of the browser has cut off: what is known of it, and which of
// the files that are chosen now belong to it.

import { countOfFiles, filesize } from "../units.js";
import { askTabs, digestOfStart, forget, recall } from "./memory.js";
import { request, say } from "../words.js";


export class Kept {
  /** `finish` makes the link of what is whole already. */
  constructor(card, form, { finish }) {
    Object.assign(this, { card, form, record: null, elsewhere: new Set() });
    card.querySelector("[data-kept-finish]").addEventListener("click", () => finish());
    card.querySelector("[data-kept-forget]").addEventListener("click", () => this.drop());
    this.look();
  }

  /** Look for the newest upload that is not on its way in another tab. */
  look() {
    const found = (this.record = recall(this.elsewhere, request));
    this.show();
    if (!found) return;
    askTabs(found.bundle, () => {
      this.elsewhere.add(found.bundle);
      if (this.record === found) this.look();
    });
  }

  get missing() {
    return this.record ? this.record.files.filter((file) => !file.done) : [];
  }

  show() {
    this.card.hidden = !this.record;
    if (!this.record) return;
    const { files, options, hasPassword } = this.record;
    const isWhole = !this.missing.length;
    const sum = (name) => filesize(files.reduce((bytes, file) => bytes + file[name], 0));
    const count = countOfFiles(files.length);
    const sentence = isWhole ? say.keptWhole(count) : say.kept(sum("sent"), sum("size"), count);
    this.card.querySelector("[data-kept-words]").textContent =
      sentence + (hasPassword ? ` ${say.keptPassword}` : "");
    this.card.querySelector("[data-kept-finish]").hidden = !isWhole;
    for (const [name, value] of options) {
      const field = this.form.elements[name];
      if (field) field.value = value;
    }
    if (hasPassword) this.form.querySelector("[data-options]").open = true;
  }

  /** Return what is known of a file of the earlier upload, or undefined. */
  async match(file, path) {
    const candidates = this.missing.filter(
      (known) => known.size === file.size && known.modified === file.lastModified,
    );
    const named = candidates.filter(
      (known) => known.path === path || known.path.split("/").pop() === file.name,
    );
    if (!named.length) return undefined;
    const start = await digestOfStart(file);
    return named.find((known) => known.start === start);
  }

  /** Give the earlier upload up, here and on the server. */
  drop() {
    for (const { url } of this.record?.files ?? []) {
      if (url) fetch(url, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {});
    }
    if (this.record) forget(this.record.bundle);
    this.release();
  }

  /** The upload goes on; nothing is to be asked any more. */
  release() {
    this.record = null;
    this.card.hidden = true;
  }
}
