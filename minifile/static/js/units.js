// Sizes and times in the words of the pages.

import { words } from "./words.js";

/** The words of the `filesize` template filter. */
export function filesize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = bytes / 1024;
  while (size >= 1023.5 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return `${size.toFixed(size < 99.95 ? 1 : 0).replace(/\.0$/, "")} ${units[0]}`;
}

export function countOfFiles(count) {
  return (count === 1 ? words.units.file : words.units.files)(count.toLocaleString("en"));
}

/** How long something takes, to about a tenth. */
export function timeLeft(seconds) {
  if (seconds < 1.5) return words.units.moment;
  if (seconds < 90) return words.units.seconds(Math.round(seconds));
  if (seconds < 90 * 60) return words.units.minutes(Math.round(seconds / 60));
  return words.units.hours(Math.round(seconds / 3600));
}

/** The words of the `in_words` template filter: how long it is until then. */
export function inWords(seconds) {
  if (seconds <= 0) return words.units.noTime;
  if (seconds < 60) return words.units.underMinute;
  const minutes = Math.round(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days) return leading(days, "day", hours, "hour");
  if (hours) return leading(hours, "hour", minutes % 60, "minute");
  return words.units.span(minutes, "minute");
}

function leading(count, unit, rest, restUnit) {
  const first = words.units.span(count, unit);
  return count === 1 && rest ? `${first} ${words.units.span(rest, restUnit)}` : first;
}
