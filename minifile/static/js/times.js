// Shows each instant in the visitor's own zone; the exact UTC stays in the title.

const format = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

export function showLocal(time) {
  time.textContent = format.format(new Date(time.dateTime));
}

document.querySelectorAll("time[data-local]").forEach(showLocal);
