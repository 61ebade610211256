// Keeps the numbers of the sender's page as they are: asks for them while the page is seen.

import { showPeople } from "./people.js";
import { showLocal } from "./times.js";
import { filesize, inWords } from "./units.js";
import { words } from "./words.js";

const SOON = 3_000;
const AT_LAST = 30_000;
const GIVES_UP = 20_000;

const card = document.querySelector("[data-live]");
const part = (name) => card.querySelector(`[data-live-${name}]`);
const token = card.querySelector("input[name=owner_token]")?.value;
const headers = { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) };

let shown = "";
let announced = "";
let movedAt = performance.now();
let failures = 0;
let timer;
let isAsking = false;
let hasEnded = false;

async function look() {
  clearTimeout(timer);
  if (isAsking || hasEnded || document.hidden) return;
  isAsking = true;
  const began = performance.now();
  try {
    const signal = AbortSignal.timeout(GIVES_UP);
    const answer = await fetch(card.dataset.live, { headers, cache: "no-store", signal });
    if ([403, 404, 410].includes(answer.status)) return end();
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
    failures = 0;
  } catch {
    failures += 1;
    if (failures > 1) say(words.links.offline);
  } finally {
    isAsking = false;
  }
  timer = setTimeout(look, pause(performance.now() - began));
}

/** Often while something moves; the less, the slower the server answers. */
function pause(took) {
  if (failures) return Math.min(AT_LAST, SOON * 2 ** failures);
  const quiet = performance.now() - movedAt;
  return Math.max(SOON, Math.min(AT_LAST, quiet / 10), 20 * took);
}

function end() {
  hasEnded = true;
  part("fetching").textContent = 0;
  say(words.links.ended);
}

function say(sentence) {
  if (part("note").textContent !== sentence) part("note").textContent = sentence;
}

function show(state) {
  say(words.links.live);
  part("left").textContent = inWords(state.seconds_left);
  const { seconds_left: _, ...rest } = state;
  const now = JSON.stringify(rest);
  if (now !== shown) showNumbers(state);
  if (now !== shown || state.fetching) movedAt = performance.now();
  shown = now;
}

function showNumbers(state) {
  const { download_count: count, max_downloads: limit, fetching } = state;
  part("count").textContent = count.toLocaleString("en");
  part("of").textContent = limit === null ? words.links.downloads(count) : words.links.downloadsOf(limit);
  part("fetching").textContent = fetching;
  part("exhausted").hidden = state.state !== "exhausted";
  part("none").hidden = state.deliveries.length > 0;
  part("deliveries").hidden = state.deliveries.length === 0;
  part("deliveries").replaceChildren(...state.deliveries.map(delivery));
  showPeople(card, state);
  const sentence = words.links.announced(count, fetching);
  if (announced && announced !== sentence) part("said").textContent = sentence;
  announced = sentence;
}

function delivery(seen) {
  const item = part("delivery").content.firstElementChild.cloneNode(true);
  const find = (name) => item.querySelector(`[data-${name}]`);
  find("name").textContent = seen.name;
  find("state").textContent = words.links.states[seen.state];
  find("state").classList.toggle("good", seen.state === "completed");
  find("state").classList.toggle("bad", seen.state === "aborted");
  find("who").hidden = !seen.who;
  find("who").querySelector("bdi").textContent = seen.who;
  find("sent").textContent = sent(seen);
  showAt(find("started"), seen.started_at);
  find("completed").hidden = !seen.completed_at;
  if (seen.completed_at) showAt(find("completed"), seen.completed_at);
  return item;
}

function sent(seen) {
  const size = filesize(seen.size);
  return seen.state === "aborted" ? words.links.sentOf(filesize(seen.bytes_sent), size) : size;
}

function showAt(place, moment) {
  const time = place.querySelector("time");
  time.dateTime = moment;
  time.title = new Date(moment).toUTCString();
  showLocal(time);
}

document.addEventListener("visibilitychange", look);
say(words.links.live);
timer = setTimeout(look, SOON);
