// What is remembered of an upload that is going on, so that a reload can go on with it.
//
// A file is known again by its path, size, and a digest of its start. The digest only has to tell
// one's own files apart, also on plain http, where browsers offer no better one.

const KEY = "minifile.upload";
const START_BYTES = 64 * 1024;

/** `record` is { bundle, options, hasPassword, expiresAt, files: [{ path, size, start, url, sent, done }] }. */
export function recall() {
  try {
    const record = JSON.parse(localStorage.getItem(KEY));
    return record && record.expiresAt > Date.now() && record.files.length ? record : null;
  } catch {
    return null;
  }
}

export function remember(record) {
  try {
    localStorage.setItem(KEY, JSON.stringify(record));
  } catch {
    // Full or forbidden: this upload can't be gone on with after a reload.
  }
}

export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // As above.
  }
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
