// All that the scripts say, in one place, so that it can be translated without a hunt.

export const words = {
  units: {
    file: (count) => `${count} file`,
    files: (count) => `${count} files`,
    moment: "a moment",
    seconds: (count) => `${count} seconds`,
    minutes: (count) => `${count} minutes`,
    hours: (count) => `${count} hours`,
    noTime: "no time",
    underMinute: "less than a minute",
    span: (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`,
  },

  upload: {
    chosen: (files, size) => `${files}, ${size}`,
    more: (files) => `and ${files} more`,
    chooseFirst: "Choose a file first.",
    tooLarge: (name, limit) => `${name} is over the limit of ${limit} for a file. It will be left out.`,
    severalTooLarge: (files, limit) => `${files} are over the limit of ${limit} for a file. They will be left out.`,
    allTooLarge: "All of these are too large. Choose smaller files.",
    tooMany: (limit, chosen) => `One link holds at most ${limit}, and ${chosen} were chosen. Remove some, or pack the folder into one archive.`,
    linkTooLarge: (limit) => `One link holds at most ${limit} in all.`,
    reading: "Reading the folder…",
    unreadable: (name) => `${name} can't be read. It was left out.`,
    pastedText: (number) => (number === 1 ? "pasted text.txt" : `pasted text ${number}.txt`),

    title: (files) => `Uploading ${files}`,
    tabTitle: (percent) => `${percent} % · Uploading`,
    progress: (sent, total) => `${sent} of ${total}`,
    speed: (size) => `${size}/s`,
    left: (time) => `about ${time} left`,
    announced: (percent) => `${percent} % uploaded`,
    paused: "Paused",
    allPaused: "Paused. Nothing that arrived is sent twice.",
    waiting: "Waiting",
    checking: "Checking",
    connecting: "Connecting",
    lost: (seconds) => `The connection was lost. Trying again in ${seconds} s; nothing that arrived is sent twice.`,
    busy: (seconds) => `The server is busy. Trying again in ${seconds} s.`,
    forgotten: (seconds) => `The server no longer has what arrived. Beginning anew in ${seconds} s.`,
    noLink: "The server could not make the link. Try again.",
    changed: "This file was changed or moved while it was uploaded. Choose it again to send it.",
    refused: "The server did not take this file.",
    noSpace: (sentence) => `${sentence} Try again later.`,
    smaller: (size) => `A server in between takes no more than about ${size} at once. The files go on in pieces of that size.`,
    blocked: "A server in between refuses even the smallest piece. Ask who runs it.",
    retry: (name) => `Try ${name} again`,
    pause: (name) => `Pause ${name}`,
    resume: (name) => `Go on with ${name}`,
    remove: (name) => `Remove ${name}`,
    rest: (done, more) => `${done} done, ${more} more to come`,
    failures: (failed, arrived) => `${failed} did not arrive. ${arrived} can be sent without them.`,
    noneLeft: "None of the files arrived. Remove what was refused, and choose others.",
    finishing: "All files are there. Making the link…",
    finishRetry: (seconds) => `The link could not be made yet. Trying again in ${seconds} s; the files are safe on the server.`,

    kept: (arrived, total, files) => `An upload of ${files} was cut off. ${arrived} of ${total} are safe on the server. Choose the same files again to go on where it was.`,
    keptWhole: (files) => `An upload of ${files} has arrived, but has no link yet.`,
    keptMissing: (files) => `The earlier upload still lacks ${files}. Choose what is missing too, or go on without it.`,
    keptPassword: "Type the link password again before you go on.",
  },
  handingIn: {
    tooMany: (limit, chosen) => `There is room for ${limit}, and ${chosen} were chosen. Remove some, or pack the folder into one archive.`,
    linkTooLarge: (limit) => `There is room for ${limit} in all.`,
    noLink: "The server could not take what was sent. Try again.",
    finishing: "All files are there. Handing them in…",
    finishRetry: (seconds) => `The files could not be handed in yet. Trying again in ${seconds} s; they are safe on the server.`,
    keptWhole: (files) => `An upload of ${files} has arrived, but was not handed in yet.`,
  },
  links: {
    downloads: (count) => `${count === 1 ? "download" : "downloads"}, no limit`,
    downloadsOf: (limit) => `of ${limit.toLocaleString("en")} ${limit === 1 ? "download" : "downloads"}`,
    announced: (count, fetching) => `${count} ${count === 1 ? "download" : "downloads"}, ${fetching} fetching now`,
    sentOf: (sent, size) => `${sent} of ${size} sent`,
    states: { fetching: "fetching", completed: "completed", handed_over: "handed over", aborted: "aborted" },
    live: "These numbers are kept up to date.",
    offline: "The server does not answer just now. Trying again.",
    ended: "This link has ended, so these numbers no longer change.",
  },
  sharing: {
    begun: (count, limit) => `${count.toLocaleString("en")}${limit === null ? "" : ` of ${limit.toLocaleString("en")}`} ${(limit ?? count) === 1 ? "download" : "downloads"}`,
    completed: (count) => `${count.toLocaleString("en")} completed`,
  },
  adding: {
    progress: (sent, total) => `${sent} of ${total}`,
    checking: "Everything has arrived and is being checked.",
    refused: (sentence) => `${sentence} Nothing was added.`,
    blocked: "A server in between refuses so much at once. Nothing was added. Send it as a link of its own, on the upload page.",
    broken: "The connection was lost before all had arrived. Nothing was added. Try again.",
    cancelled: "Cancelled. Nothing was added.",
  },
  copy: {
    copied: "Copied",
    byHand: "Press Ctrl+C",
  },
};

/** The code of the file request that the page sends to; empty where a link is made. */
export const request = document.querySelector("form[data-upload]")?.dataset.request ?? "";

/** What an upload says: that of a file request speaks of handing in, not of links. */
export const say = request ? { ...words.upload, ...words.handingIn } : words.upload;
