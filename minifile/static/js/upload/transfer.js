// One file on its way: a resumable upload (tus) that tries again until it is through or refused.

import { pieces, shrink } from "./pieces.js";
import { say } from "../words.js";

const PAUSES_S = [1, 2, 4, 8, 15, 30];
// Cut so often without one byte having arrived, a piece counts as refused.
const CUTS = 2;
const AT_ONCE_BYTES = 256 * 1024;
const NOT_NOW = [408, 409, 423, 425, 429];

/**
 * `state` is waiting, sending, paused, done or failed. `changed` is called whenever something of
 * it has; `met` when a server in between took no more than a smaller piece.
 */
export class Transfer {
  constructor(file, path, { endpoint, metadata, changed, met, url = null }) {
    Object.assign(this, { file, path, changed, met });
    this.size = file?.size ?? 0;
    this.state = "waiting";
    this.sent = 0;
    this.note = say.waiting;
    this.canRetry = false;
    this.tries = 0;
    this.cuts = 0;
    this.offset = 0;
    this.upload = file && new tus.Upload(file, {
      endpoint,
      metadata: { filename: file.name, relativePath: path, filetype: file.type, ...metadata },
      headers: { Accept: "application/json" },
      chunkSize: pieces.size,
      uploadUrl: url,
      // One request is enough for a small file. A large one must have its address first: without
      // it nothing could go on where a cut left it.
      uploadDataDuringCreation: file.size <= AT_ONCE_BYTES,
      // Trying again is ours: it is shown, and goes on for as long as the page is open.
      retryDelays: null,
      storeFingerprintForResuming: false,
      onAfterResponse: (_request, answer) => this.heard(answer.getHeader("Upload-Offset")),
      onProgress: (sent) => this.progress(sent),
      onChunkComplete: () => this.arrived(),
      onSuccess: () => this.finish(),
      onError: (error) => this.fail(error),
    });
  }

  get url() {
    return this.upload?.url ?? null;
  }

  start() {
    clearTimeout(this.timer);
    this.set("sending", this.sent ? "" : say.connecting);
    this.upload.options.chunkSize = this.piece = pieces.size;
    this.upload.start();
  }

  pause() {
    clearTimeout(this.timer);
    this.upload?.abort();
    this.set("paused", say.paused);
  }

  /** Let the queue start it again. */
  wait() {
    clearTimeout(this.timer);
    this.tries = 0;
    this.set("waiting", say.waiting);
  }

  /** Give it up, here and on the server. Never fails: what is left there expires. */
  async remove() {
    clearTimeout(this.timer);
    this.set("removed", "");
    const url = this.url;
    await this.upload?.abort();
    if (url) {
      const headers = { "Tus-Resumable": "1.0.0" };
      await fetch(url, { method: "DELETE", headers, keepalive: true }).catch(() => {});
    }
  }

  progress(sent) {
    if (this.state !== "sending") return;
    this.sent = sent;
    this.note = sent === this.size ? say.checking : "";
    this.changed(this);
  }

  arrived() {
    this.changed(this, "arrived");
  }

  /** What has arrived so far, as the server says: however slowly, the upload goes on. */
  heard(offset) {
    if (!(Number(offset) > this.offset)) return;
    this.offset = Number(offset);
    this.tries = this.cuts = 0;
  }

  finish() {
    this.sent = this.size;
    this.set("done", "");
  }

  async fail(error) {
    if (this.state !== "sending") return;
    const answer = error.originalResponse;
    if (!answer?.getStatus()) return this.cut();
    const status = answer.getStatus();
    const isOurs = Boolean(answer.getHeader("Tus-Resumable"));
    if (status === 413 && !isOurs) return this.smaller();
    if (isNotNow(status)) {
      return this.again(say.busy, Number(answer.getHeader("Retry-After")) || 0);
    }
    if ([404, 410].includes(status) && this.url) return this.anew();
    this.status = status;
    this.refuse(sentenceOf(answer.getBody()) || say.refused, status === 507);
  }

  /** The server has forgotten the upload: begin from the start. */
  anew() {
    this.upload.url = this.upload.options.uploadUrl = null;
    this.sent = this.offset = 0;
    this.again(say.forgotten, 0);
  }

  /** No answer came: the connection, the file itself, or a proxy that cuts large pieces. */
  async cut() {
    const readable = await isReadable(this.file);
    if (this.state !== "sending") return;
    if (!readable) return this.refuse(say.changed, false);
    this.cuts += 1;
    if (this.cuts >= CUTS && navigator.onLine && this.piece > 1024 * 1024) {
      this.cuts = 0;
      shrink(this.piece);
    }
    this.again(say.lost, 0);
  }

  smaller() {
    if (!shrink(this.piece)) return this.refuse(say.blocked, false);
    this.met();
    this.start();
  }

  again(sentence, least) {
    let left = Math.max(least, PAUSES_S[Math.min(this.tries, PAUSES_S.length - 1)]);
    this.tries += 1;
    const tick = () => {
      if (this.state !== "sending") return;
      if (left <= 0) return this.start();
      this.set("sending", sentence(left));
      left -= 1;
      this.timer = setTimeout(tick, 1000);
    };
    this.retryNow = () => {
      left = 0;
      clearTimeout(this.timer);
      tick();
    };
    tick();
  }

  refuse(sentence, canRetry) {
    this.canRetry = canRetry;
    this.sent = 0;
    this.set("failed", canRetry ? say.noSpace(sentence) : sentence);
  }

  set(state, note) {
    if (this.state === "removed") return;
    this.state = state;
    this.note = note;
    if (state !== "sending") this.retryNow = null;
    this.changed(this, "state");
  }
}

/** A file that was changed on disk after it was chosen can't be read any more. */
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Whether another try may do better: servers in between have numbers of their own above 500. */
export function isNotNow(status) {
  return NOT_NOW.includes(status) || (status >= 500 && status !== 507);
}

export function sentenceOf(body) {
  try {
    return JSON.parse(body).detail ?? "";
  } catch {
    return "";
  }
}
