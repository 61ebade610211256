// Draws the charts anew with uPlot, from the tables beside them: to zoom in, and to read single steps.
// Where a finger points there is nothing to drag with, so the drawings of the server stay.

const script = document.querySelector("script[data-uplot]");
const figures = [...document.querySelectorAll("[data-chart]")];
const zone = document.querySelector("[data-zone]")?.dataset.zone;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

if (figures.length && matchMedia("(pointer: fine)").matches) {
  const library = document.createElement("script");
  library.src = script.dataset.uplot;
  library.addEventListener("load", () => figures.forEach(enrich));
  document.head.append(library);
}

function enrich(figure) {
  const table = document.getElementById(figure.dataset.chart);
  const drawing = figure.querySelector(".drawing");
  const bars = drawing.querySelector("[role=img]");
  const place = document.createElement("div");
  const hint = document.createElement("p");
  place.className = "zoomable";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", bars.getAttribute("aria-label"));
  hint.className = "small soft zoom-hint";
  hint.textContent = "Drag to zoom in, double-click to see all.";
  const height = bars.getBoundingClientRect().height;
  drawing.replaceWith(place);
  figure.append(hint);
  const numbers = read(table);
  let plot;
  const redraw = () => {
    plot?.destroy();
    plot = draw(place, numbers, height);
  };
  redraw();
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function read(table) {
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const drawn = heads.map((head, at) => ({ head, at })).filter(({ head }) => head.dataset.look);
  const rows = [...table.tBodies[0].rows];
  return {
    at: rows.map((row) => Number(row.dataset.at)),
    words: rows.map((row) => row.cells[0].textContent),
    isBytes: drawn.some(({ head }) => "bytes" in head.dataset),
    series: drawn.map(({ head, at }) => ({
      words: head.textContent,
      look: head.dataset.look,
      values: rows.map((row) => Number(row.cells[at + 1].dataset.value)),
    })),
  };
}

function draw(place, numbers, height) {
  const style = getComputedStyle(place);
  const colour = (name) => style.getPropertyValue(name).trim();
  const say = numbers.isBytes ? size : (value) => value.toLocaleString("en");
  const places = numbers.isBytes ? { incrs: Array.from({ length: 50 }, (_, power) => 2 ** power) } : {};
  const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const step = numbers.at.length > 1 ? numbers.at[1] - numbers.at[0] : 3600;
  const stacked = stack(numbers.series);
  const looks = { done: colour("--accent"), open: colour("--chart-open"), rest: colour("--chart-rest") };
  return new uPlot(
    {
      width: place.clientWidth,
      height,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
      legend: { live: true },
      cursor: { y: false },
      // Half a step on both sides, so that the first and the last bar are whole.
      scales: { x: { time: true, range: (_plot, from, to) => [from - step / 2, to + step / 2] }, y: { range: (_plot, _from, to) => [0, to * 1.05 || 1] } },
      axes: [
        { ...axis, values: (_plot, values, _axis, _space, apart) => values.map((at) => name(at, apart, step)) },
        { ...axis, ...places, size: 70, values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? say(value) : "")) },
      ],
      series: [
        { label: "Time", value: (_plot, _value, _series, at) => numbers.words[at] ?? "–" },
        // The tallest goes first, so that each stands before what it is stacked upon.
        ...numbers.series
          .map((each, at) => ({
            label: each.words,
            fill: looks[each.look],
            stroke: looks[each.look],
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars({ size: [0.8, 100] }),
            value: (_plot, _value, _series, at) => (at in each.values ? say(each.values[at]) : "–"),
          }))
          .reverse(),
      ],
    },
    [numbers.at, ...stacked.reverse()],
    place,
  );
}

// Names a place on the axis, as the drawings of the server do.
function name(at, apart, step) {
  const parts = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(at * 1000);
  const clock = parts({ hour: "2-digit", minute: "2-digit" });
  if (apart < 86400 && clock !== "00:00") return step < 86400 ? clock : "";
  return apart < 28 * 86400 ? parts({ day: "numeric", month: "short" }) : parts({ month: "short", year: "numeric" });
}

// What each bar ends at, when it stands on those before it.
function stack(series) {
  const sums = series[0].values.map(() => 0);
  return series.map((each) => each.values.map((value, at) => (sums[at] += value)));
}

function size(bytes) {
  let power = 0;
  while (bytes >= 1023.5 && power < UNITS.length - 1) {
    bytes /= 1024;
    power += 1;
  }
  return `${power && bytes < 99.95 ? bytes.toFixed(1).replace(".0", "") : Math.round(bytes)} ${UNITS[power]}`;
}
