// What is remembered of an upload that is going on, so that a reload can go on with it.
//
// A file is known again by its path, size, and a digest of its start. The digest only has to tell
// one's own files apart, also on plain http, where browsers offer no better one.

const PREFIX = "minifile.upload.";
const START_BYTES = 64 * 1024;
// Another tab may be in the middle of what is remembered here.
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("minifile.upload") : null;

/**
 * Return the newest record of a file request (or of links, for none) that is not one of these bundles, or null, and forget
 * what the server no longer keeps. A record is { bundle, request, options, hasPassword, expiresAt, files: [{ path, size, modified, start, url, sent, done }] }.
 */
export function recall(besides, request) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const living = keys.map(readRecord).filter((record) => record?.expiresAt > Date.now());
    for (const key of keys) {
      if (!living.some(({ bundle }) => key === PREFIX + bundle)) localStorage.removeItem(key);
    }
    const left = living.filter((record) => (record.request ?? "") === request && !besides.has(record.bundle));
    return left.sort((one, other) => other.expiresAt - one.expiresAt)[0] ?? null;
  } catch {
    return null;
  }
}

function readRecord(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

/** Keep a record in the place of the last one; one without files is not worth keeping. */
export function remember(record) {
  try {
    if (!record.files.length) forget(record.bundle);
    else localStorage.setItem(PREFIX + record.bundle, JSON.stringify(record));
  } catch {
    // Full or forbidden: this upload can't be gone on with after a reload.
  }
}

export function forget(bundle) {
  try {
    localStorage.removeItem(PREFIX + bundle);
  } catch {
    // As above.
  }
}

/** Tell other tabs which bundle is on its way in this one, whenever they ask. */
export function answerTabs(bundle) {
  tabs?.addEventListener("message", ({ data }) => {
    if (data.ask && data.ask === bundle()) tabs.postMessage({ alive: data.ask });
  });
}

/** Call `then` if a bundle is on its way in another tab. */
export function askTabs(bundle, then) {
  tabs?.addEventListener("message", ({ data }) => data.alive === bundle && then());
  tabs?.postMessage({ ask: bundle });
}

/** cyrb53, a public domain hash by bryc, over the size and the first 64 KiB. */
export async function digestOfStart(file) {
  const bytes = new Uint8Array(await file.slice(0, START_BYTES).arrayBuffer());
  let high = 0xdeadbeef ^ file.size;
  let low = 0x41c6ce57 ^ file.size;
  for (const byte of bytes) {
    high = Math.imul(high ^ byte, 2654435761);
    low = Math.imul(low ^ byte, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (2 ** 32 * (2097151 & low) + (high >>> 0)).toString(36);
}

export function newBundle() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
