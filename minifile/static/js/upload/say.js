// What an upload says: that of a file request speaks of handing in, not of links.

import { words } from "../words.js";

/** The code of the file request that the page sends to; empty where a link is made. */
export const request = document.querySelector("form[data-upload]")?.dataset.request ?? "";

export const say = request ? { ...words.upload, ...words.handingIn } : words.upload;
