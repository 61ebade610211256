// From files that have arrived to a link.

import { isNotNow, sentenceOf } from "./transfer.js";

const MOST_TRIES = 60;

/**
 * Make the link of a bundle, or hand it in, and return the page that says so. `waiting` is called with the
 * seconds before another try. Throws a Refused with the server's sentence.
 */
export async function makeLink(form, bundle, count, waiting) {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(form, bundle, count);
    if (answer?.ok) {
      const told = await answer.json();
      return told.manage_path ?? told.page;
    }
    if (answer && (!mayDoBetter(answer) || tries >= MOST_TRIES)) {
      throw new Refused(sentenceOf(await answer.text()));
    }
    const seconds = Number(answer?.headers.get("Retry-After")) || Math.min(tries, 15);
    waiting(seconds);
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

/** A conflict ends by itself only when the server says after how long to ask again. */
function mayDoBetter(answer) {
  return isNotNow(answer.status) && (answer.status !== 409 || answer.headers.has("Retry-After"));
}

export class Refused extends Error {}

async function ask(form, bundle, count) {
  const body = new FormData();
  for (const [name, value] of options(form)) body.append(name, value);
  body.append("bundle", bundle);
  body.append("bundle_files", count);
  const headers = { Accept: "application/json" };
  try {
    return await fetch(form.action, { method: "POST", body, headers });
  } catch {
    return null;
  }
}

/** The chosen options, without those that were left empty. */
export function options(form) {
  const fields = form.querySelectorAll("[data-options] [name]");
  return [...fields].filter(({ value }) => value !== "").map(({ name, value }) => [name, value]);
}
