// The upload page with JavaScript: choose, watch the files go, come back after a cut.
//
// Each file is an upload of its own (tus); a random name, the bundle, holds them together, and the
// form, sent without files, makes the link once all are there. Without this script, or should any
// part of it not load, the form sends the files itself.

import { listen } from "./upload/chooser.js";
import { Chosen } from "./upload/chosen.js";
import { makeLink, options, Refused } from "./upload/finish.js";
import { Kept } from "./upload/kept.js";
import { answerTabs, digestOfStart, forget, newBundle, remember } from "./upload/memory.js";
import { pieces } from "./upload/pieces.js";
import { Queue } from "./upload/queue.js";
import { request, say } from "./words.js";
import { Transfer } from "./upload/transfer.js";
import { View } from "./upload/view.js";
import { countOfFiles, filesize } from "./units.js";

// A little less than the server keeps a partial upload.
const KEPT_MS = 23 * 3600 * 1000;
const SAVE_MS = 1000;

const form = document.querySelector("form[data-upload]");
const send = form.querySelector("[data-send]");
const panel = form.querySelector("[data-options]");
const queue = new Queue();
let chosen, view, kept;
// Of the upload that is going on.
let bundle = null;
let isFinishing = false;
let known = new Map();
let saving;

if (window.tus?.isSupported) enhance();

function enhance() {
  form.classList.add("enhanced");
  for (const label of form.querySelectorAll(".picker label")) label.classList.add("button", "big");
  for (const part of form.querySelectorAll("[data-enhanced]")) part.hidden = false;
  // Now the keyboard can follow the eye; without this script the options come first on the wire.
  form.querySelector("[data-uploading]").after(panel);
  chosen = new Chosen(form);
  view = new View(form.querySelector("[data-uploading]"), queue, {
    pauseAll: () => queue.pause(),
    resumeAll: () => queue.resume(),
    cancel,
    goOnWithout,
    pause: (transfer) => (transfer.pause(), queue.pump()),
    resume: (transfer) => (transfer.wait(), queue.pump()),
    retry: (transfer) => (transfer.wait(), queue.pump()),
    remove: (transfer) => queue.remove(transfer).then(settle),
  });
  kept = new Kept(form.querySelector("[data-kept]"), form, { finish: beginKept });
  listen(form, { add, warn: (sentence) => chosen.warn(sentence) });
  form.addEventListener("submit", submit);
  window.addEventListener("beforeunload", warnBeforeLeaving);
  window.addEventListener("pagehide", () => bundle && remember(recordNow()));
  answerTabs(() => bundle);
  // The browser may bring the page back as it was left.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

async function add(items) {
  if (!bundle) return chosen.add(items);
  for (const item of items) await enqueue(item);
  view.title(say.title(countOfFiles(queue.transfers.length)));
  queue.pump();
}

function submit(event) {
  event.preventDefault();
  if (bundle) return;
  const sentence = chosen.refusal() || (kept.record && missingOfKept()) || "";
  chosen.warn(sentence);
  if (sentence) return chosen.warning.focus();
  begin(chosen.items);
}

/** Say once that files of an earlier upload were not chosen again. */
function missingOfKept() {
  const names = chosen.items.map(({ file }) => `${file.name} ${file.size}`);
  const lost = kept.missing.filter(
    ({ path, size }) => !names.includes(`${path.split("/").pop()} ${size}`),
  );
  if (!lost.length || kept.wasWarned) return "";
  kept.wasWarned = true;
  return say.keptMissing(countOfFiles(lost.length));
}

async function begin(items) {
  bundle = kept.record?.bundle ?? newBundle();
  setSending(true);
  for (const file of kept.record?.files ?? []) if (file.done) enqueueArrived(file);
  for (const item of items) await enqueue(item);
  kept.release();
  view.show();
  for (const transfer of queue.transfers) view.changed(transfer);
  save();
  queue.pump();
  settle();
}

/** Make the link of an earlier upload of which every file has arrived. */
function beginKept() {
  begin([]);
}

async function enqueue({ file, path }) {
  const earlier = kept.record && (await kept.match(file, path).catch(() => undefined));
  const transfer = new Transfer(file, earlier?.path ?? path, {
    endpoint: form.dataset.upload,
    // A long list of recipients does not fit into a header; it comes with the form at the end.
    metadata: { bundle, ...(request && { request }), ...Object.fromEntries(options(form).filter(([name]) => !["password", "recipients"].includes(name))) },
    changed: noteChange,
    met: () => view.say("met", say.smaller(filesize(pieces.size))),
    url: earlier?.url ?? null,
  });
  known.set(transfer, { start: earlier?.start, modified: file.lastModified });
  queue.add(transfer);
  if (file.size > chosen.limits.fileSize) {
    transfer.refuse(say.tooLarge(path, filesize(chosen.limits.fileSize)), false);
  }
}

function enqueueArrived({ path, size, url }) {
  const transfer = new Transfer(null, path, { changed: noteChange });
  Object.assign(transfer, { size, sent: size, state: "done", upload: { url, abort() {} } });
  known.set(transfer, {});
  queue.add(transfer);
}

function noteChange(transfer, what) {
  view.changed(transfer, what);
  if (what) saving ??= setTimeout(save, SAVE_MS);
  if (what !== "state") return;
  if (transfer.status === 422) return refuseOptions(transfer.note);
  queue.pump();
  settle();
}

/** When nothing goes on any more: make the link, or say what is in the way. */
function settle() {
  if (!bundle || isFinishing) return;
  const failed = queue.in("failed").length;
  const arrived = queue.in("done").length;
  const isOver = queue.isSettled;
  view.part("without").hidden = !isOver || !failed || !arrived;
  view.say("failures", isOver && failed ? failures(failed, arrived) : "");
  if (!queue.transfers.length) cancel();
  else if (isOver && !failed) finish();
}

function failures(failed, arrived) {
  return arrived ? say.failures(countOfFiles(failed), countOfFiles(arrived)) : say.noneLeft;
}

function goOnWithout() {
  for (const transfer of queue.in("failed")) queue.remove(transfer);
  settle();
}

async function finish() {
  isFinishing = true;
  view.title(say.finishing);
  view.say("failures", "");
  view.part("cancel").hidden = true;
  try {
    const wait = (seconds) => view.title(say.finishRetry(seconds));
    const page = await makeLink(form, bundle, queue.transfers.length, wait);
    forget(bundle);
    bundle = null;
    location.assign(page);
  } catch (refusal) {
    isFinishing = false;
    view.part("cancel").hidden = false;
    kept.record = recordNow();
    refuse((refusal instanceof Refused && refusal.message) || say.noLink);
  }
}

/** An option was refused: what has arrived stays on the server, and the files chosen. */
function refuseOptions(sentence) {
  if (!bundle) return;
  const items = chosenOf(queue);
  queue.pause();
  kept.record = queue.transfers.some(({ url }) => url) ? recordNow() : null;
  if (!kept.record) forget(bundle);
  refuse(sentence);
  chosen.clear();
  chosen.add(items);
  chosen.warn(sentence);
}

function chosenOf({ transfers }) {
  return transfers.filter(({ file }) => file).map(({ file, path }) => ({ file, path }));
}

function refuse(sentence) {
  stop();
  panel.open = true;
  kept.show();
  chosen.warn(sentence);
  chosen.warning.focus();
}

function cancel() {
  const items = chosenOf(queue);
  queue.clear();
  forget(bundle);
  stop();
  chosen.clear();
  chosen.add(items);
  send.focus();
}

/** Go back to choosing. */
function stop() {
  bundle = null;
  queue.transfers = [];
  queue.isPaused = false;
  known = new Map();
  setSending(false);
  view.hide();
}

function setSending(sending) {
  form.querySelector("[data-drop]").hidden = sending;
  form.querySelector("[data-send-row]").hidden = sending;
}

async function save() {
  saving = undefined;
  if (!bundle) return;
  for (const transfer of queue.in("sending")) {
    known.get(transfer).start ??= await digestOfStart(transfer.file).catch(() => "");
  }
  const record = recordNow();
  if (bundle) remember(record);
}

function recordNow() {
  const chosenOptions = options(form);
  return {
    bundle,
    request,
    options: chosenOptions.filter(([name]) => name !== "password"),
    hasPassword: chosenOptions.some(([name]) => name === "password"),
    expiresAt: Date.now() + KEPT_MS,
    files: queue.in("waiting", "sending", "paused", "done").map((transfer) => ({
      ...known.get(transfer),
      path: transfer.path,
      size: transfer.size,
      sent: transfer.sent,
      url: transfer.url,
      done: transfer.state === "done",
    })),
  };
}

function warnBeforeLeaving(event) {
  if (bundle && !queue.isSettled) event.preventDefault();
}
