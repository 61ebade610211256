// Keeps what each user and each recipient has fetched as it is.

import { showLocal } from "./times.js";
import { words } from "./words.js";

const say = words.sharing;

export function showPeople(card, { grants, recipients, max_downloads: limit }) {
  for (const grant of grants) show(card.querySelector(`[data-grant="${grant.user_id}"]`), grant, null);
  for (const recipient of recipients) {
    show(card.querySelector(`[data-recipient="${recipient.id}"]`), recipient, limit);
  }
}

/** One that was added elsewhere has no place before the page is loaded again. */
function show(item, seen, limit) {
  if (!item) return;
  item.querySelector("[data-begun]").textContent = say.begun(seen.started, limit);
  item.querySelector("[data-completed]").textContent = say.completed(seen.completed);
  const last = item.querySelector("[data-last]");
  last.hidden = !seen.last_at;
  if (seen.last_at) showAt(last.querySelector("time"), seen.last_at);
  const tag = item.querySelector("[data-standing]");
  if (tag && seen.state) tag.textContent = seen.state;
}

function showAt(time, moment) {
  time.dateTime = moment;
  time.title = new Date(moment).toUTCString();
  showLocal(time);
}
