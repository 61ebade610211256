// The card that shows files on their way. It paints a few times a second, however many bytes come.

import { countOfFiles, filesize, timeLeft } from "../units.js";
import { say } from "../words.js";

const MOST_ROWS = 200;
const PAINT_MS = 200;
// Speed is judged by the last so many milliseconds.
const WINDOW_MS = 6000;
const FAMILIES = ["image", "video", "audio", "text"];

export class View {
  /** `actions` has pauseAll, resumeAll, cancel, goOnWithout, and pause, resume, retry, remove of one. */
  constructor(card, queue, actions) {
    Object.assign(this, { card, queue, actions, rows: new Map(), dirty: new Set(), samples: [] });
    this.announcedAt = 0;
    this.swap("pause-all", actions.pauseAll, "resume-all");
    this.swap("resume-all", actions.resumeAll, "pause-all");
    this.part("cancel").addEventListener("click", () => actions.cancel());
    this.part("without").addEventListener("click", () => actions.goOnWithout());
  }

  part(name) {
    return this.card.querySelector(`[data-${name}]`);
  }

  /** One of two buttons that stand in for each other; the keyboard's place goes with it. */
  swap(name, act, other) {
    this.part(name).addEventListener("click", () => {
      act();
      this.paint();
      this.part(other).focus();
    });
  }

  show() {
    this.card.hidden = false;
    this.title(say.title(countOfFiles(this.queue.transfers.length)));
    this.part("title").focus();
  }

  hide() {
    this.card.hidden = true;
    this.part("transfers").replaceChildren();
    this.rows.clear();
    this.dirty.clear();
    this.announcedAt = 0;
    this.say("met", "");
    this.say("failures", "");
    document.title = this.pageTitle ?? document.title;
  }

  title(sentence) {
    this.part("title").textContent = sentence;
  }

  /** Show a sentence in one of the card's notices, or hide it. */
  say(name, sentence) {
    const notice = this.part(name);
    notice.hidden = !sentence;
    notice.querySelector("span").textContent = sentence;
  }

  changed(transfer, what) {
    if (what === "state") this.samples = [];
    this.dirty.add(transfer);
    this.timer ??= setTimeout(() => this.paint(), PAINT_MS);
  }

  paint() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.card.hidden) return;
    for (const transfer of this.dirty) this.paintRow(transfer);
    this.dirty.clear();
    this.paintAll();
  }

  paintRow(transfer) {
    if (transfer.state === "removed") {
      this.rows.get(transfer)?.remove();
      this.rows.delete(transfer);
      return;
    }
    const row = this.rows.get(transfer) ?? this.newRow(transfer);
    if (!row) return;
    const part = (name) => row.querySelector(`[data-${name}]`);
    const { state } = transfer;
    row.classList.toggle("failed", state === "failed");
    part("done").hidden = state !== "done";
    part("pause").hidden = !["sending", "waiting"].includes(state);
    part("resume").hidden = state !== "paused";
    part("retry").hidden = state !== "failed" || !transfer.canRetry;
    part("remove").hidden = state === "done";
    const bar = part("bar");
    bar.hidden = !["sending", "paused"].includes(state);
    bar.value = transfer.size ? (100 * transfer.sent) / transfer.size : 0;
    part("note").textContent = transfer.note;
    part("note").hidden = !transfer.note;
  }

  newRow(transfer) {
    if (this.rows.size >= MOST_ROWS && transfer.state !== "failed") return null;
    const row = this.part("transfer").content.firstElementChild.cloneNode(true);
    row.querySelector(".name").textContent = transfer.path;
    row.querySelector(".size").textContent = filesize(transfer.size);
    row.querySelector("[data-bar]").setAttribute("aria-label", transfer.path);
    paintKind(row, transfer.file?.type ?? "");
    for (const action of ["pause", "resume", "retry", "remove"]) {
      const button = row.querySelector(`[data-${action}]`);
      button.querySelector(".visually-hidden").textContent = say[action](transfer.path);
      button.addEventListener("click", () => this.act(action, transfer, row));
    }
    this.rows.set(transfer, row);
    this.part("transfers").append(row);
    return row;
  }

  /** Keep the keyboard's place: the button that was pressed may be gone. */
  act(action, transfer, row) {
    this.actions[action](transfer);
    this.paint();
    const next = row.isConnected ? row : this.part("transfers").querySelector("li");
    (next?.querySelector("button:not([hidden])") ?? this.part("title")).focus();
  }

  paintAll() {
    const { queue } = this;
    const percent = queue.size ? Math.floor((100 * queue.sent) / queue.size) : 100;
    const isPaused = queue.isPaused;
    this.part("all").value = percent;
    this.part("figures").textContent = isPaused ? say.allPaused : this.figures();
    this.part("pause-all").hidden = isPaused || queue.isSettled;
    this.part("resume-all").hidden = !isPaused;
    this.announce(percent);
    this.pageTitle ??= document.title;
    document.title = say.tabTitle(percent);
    const hidden = queue.transfers.filter((transfer) => !this.rows.has(transfer));
    const done = hidden.filter(({ state }) => state === "done").length;
    this.part("rest").hidden = !hidden.length;
    this.part("rest").textContent = say.rest(countOfFiles(done), hidden.length - done);
  }

  figures() {
    const { sent, size } = this.queue;
    const now = performance.now();
    this.samples.push({ now, sent });
    while (now - this.samples[0].now > WINDOW_MS) this.samples.shift();
    const first = this.samples[0];
    const speed = (1000 * (sent - first.sent)) / (now - first.now || 1);
    const parts = [say.progress(filesize(sent), filesize(size))];
    if (speed > 0 && now - first.now > 500) {
      parts.push(say.speed(filesize(Math.round(speed))));
      if (sent < size) parts.push(say.left(timeLeft((size - sent) / speed)));
    }
    return parts.join(" · ");
  }

  /** Tell a screen reader now and then, not with every byte. */
  announce(percent) {
    const quarter = Math.floor(percent / 25) * 25;
    if (quarter <= this.announcedAt) return;
    this.announcedAt = quarter;
    this.part("announced").textContent = say.announced(quarter);
  }
}

function paintKind(row, type) {
  const family = type.split("/")[0];
  if (!FAMILIES.includes(family)) return;
  const use = row.querySelector(".kind use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${family}`));
}
