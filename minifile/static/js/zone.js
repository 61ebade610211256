// Lets the server know the time zone of the browser, unless the visitor has chosen one.

const chooser = document.querySelector("[data-zone-unknown]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const wanted = `zone=${zone}`;
const isKept = document.cookie.split("; ").includes(wanted);

// A zone that is kept already and that the server does not know is not offered again.
if (chooser && zone && zone !== chooser.dataset.zone && !isKept) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${wanted}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (document.cookie.split("; ").includes(wanted)) location.reload();
}
