// How much is sent at once. It starts large; what stands in between makes it smaller.

const MiB = 2 ** 20;
const LARGEST = 64 * MiB;
const SMALLEST = 64 * 1024;
const KEY = "minifile.piece";
// A lesson is forgotten after so long: the visitor may sit behind another proxy.
const REMEMBERED_MS = 24 * 3600 * 1000;

export const pieces = { size: remembered() };

/** Take a smaller size from now on. Returns false when there is none. */
export function shrink(refused) {
  const smaller = Math.max(SMALLEST, 2 ** Math.floor(Math.log2(refused / 2)));
  if (refused <= SMALLEST) return false;
  if (smaller < pieces.size) {
    pieces.size = smaller;
    try {
      localStorage.setItem(KEY, JSON.stringify({ size: smaller, at: Date.now() }));
    } catch {
      // Without storage the lesson holds for this page only.
    }
  }
  return true;
}

function remembered() {
  try {
    const { size, at } = JSON.parse(localStorage.getItem(KEY));
    const isSound = size >= SMALLEST && size <= LARGEST && Date.now() - at < REMEMBERED_MS;
    return isSound ? size : LARGEST;
  } catch {
    return LARGEST;
  }
}
