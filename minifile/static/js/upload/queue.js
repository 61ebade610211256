// The files of one link on their way, a few at a time.

const AT_ONCE = 3;

export class Queue {
  constructor() {
    this.transfers = [];
    this.isPaused = false;
    window.addEventListener("online", () => {
      for (const transfer of this.transfers) transfer.retryNow?.();
    });
  }

  add(transfer) {
    this.transfers.push(transfer);
  }

  /** Start what may start. */
  pump() {
    // Each start tells of a change, which may come back here: so ask anew each time.
    while (!this.isPaused && this.in("sending").length < AT_ONCE) {
      const next = this.transfers.find(({ state }) => state === "waiting");
      if (!next) return;
      next.start();
    }
  }

  in(...states) {
    return this.transfers.filter((transfer) => states.includes(transfer.state));
  }

  pause() {
    this.isPaused = true;
    for (const transfer of this.in("waiting", "sending")) transfer.pause();
  }

  resume() {
    this.isPaused = false;
    for (const transfer of this.in("paused")) transfer.wait();
    this.pump();
  }

  /** Take one out of the link. */
  async remove(transfer) {
    this.transfers = this.transfers.filter((other) => other !== transfer);
    await transfer.remove();
  }

  async clear() {
    const all = this.transfers;
    this.transfers = [];
    await Promise.all(all.map((transfer) => transfer.remove()));
  }

  get sent() {
    return this.transfers.reduce((bytes, transfer) => bytes + transfer.sent, 0);
  }

  get size() {
    return this.transfers.reduce((bytes, transfer) => bytes + transfer.size, 0);
  }

  /** Whether nothing more will happen by itself. */
  get isSettled() {
    return this.in("waiting", "sending", "paused").length === 0;
  }
}
