// Draws every <div class="mp-chart" data-chart="id"> from the JSON in <script type="application/json" id="id">:
//   {"kind": "line" | "bars", "x": [unix seconds], "zone": "Europe/Berlin", "unit": "hour" | "day",
//    "series": [{"label": "Opens", "colour": "blue", "values": [..]}]}
// The page holds the same numbers in a table; the canvas is a picture with a name.
import uPlot from "uplot";

const charts = new Map();

function colour(name) {
  return resolve(`var(--mp-${name})`);
}

// A canvas does not know light-dark(): let the browser resolve it on an element.
function resolve(value) {
  const probe = document.createElement("span");
  probe.style.color = value;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

// Bars of one moment stand side by side: drawn over one another the smaller would hide.
function group(data, number) {
  const step = slot(data);
  const room = step * 0.8;
  const width = room / data.series.length;
  return {
    x0: { unit: 1, values: () => data.x.map((x) => x - room / 2 + number * width) },
    size: { unit: 1, values: () => data.x.map(() => width) },
  };
}

// Seconds between two moments of the chart.
function slot(data) {
  return data.x.length > 1 ? data.x[1] - data.x[0] : 3600;
}

function series(data, item, number) {
  const stroke = colour(item.colour ?? "blue");
  const common = { label: item.label, stroke, fill: withAlpha(stroke, data.kind === "bars" ? 0.85 : 0.12), width: data.kind === "bars" ? 0 : 2 };
  if (data.kind === "bars") return { ...common, paths: uPlot.paths.bars({ align: 1, disp: group(data, number), radius: 0.1 }), points: { show: false } };
  return { ...common, paths: uPlot.paths.spline(), points: { show: data.x.length < 3 } };
}

function withAlpha(rgb, alpha) {
  return `color-mix(in srgb, ${rgb} ${alpha * 100}%, transparent)`;
}

function axis(extra) {
  const grid = { stroke: resolve("var(--tblr-border-color)"), width: 1 };
  return { stroke: resolve("var(--tblr-secondary-color)"), font: '12px "Inter Variable", system-ui, sans-serif', grid, ticks: { show: false }, ...extra };
}

// Hours as 14:00, days as 5 Jan; midnight between hours shows the day that begins.
function when(seconds, step, zone = "UTC") {
  const moment = new Date(seconds * 1000);
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB";
  const clock = moment.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", timeZone: zone });
  if (step < 86400 && clock !== "00:00") return clock;
  return moment.toLocaleDateString(language, { day: "numeric", month: "short", timeZone: zone });
}

function options(node, data) {
  const numbers = new Intl.NumberFormat(document.documentElement.lang || "en");
  return {
    width: Math.max(node.clientWidth, 200),
    height: Math.max(node.clientHeight, 256),
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone ?? "UTC"),
    scales: {
      // Half a slot of air, or the first and last bars are cut in two.
      x: { range: (_plot, low, high) => (data.kind === "bars" ? [low - slot(data) / 2, high + slot(data) / 2] : [low, high]) },
      y: { range: (_plot, _low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: [
      axis({ size: 32, grid: { show: false }, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => when(tick, step, data.zone)) }),
      axis({ size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6], values: (_plot, ticks) => ticks.map((tick) => numbers.format(tick)) }),
    ],
    series: [{}, ...data.series.map((item, number) => series(data, item, number))],
  };
}

function draw(node) {
  charts.get(node)?.destroy();
  const source = document.getElementById(node.dataset.chart);
  if (!source) return;
  const data = JSON.parse(source.textContent);
  if (!data.x.length) return;
  charts.set(node, new uPlot(options(node, data), [data.x, ...data.series.map((item) => item.values)], node));
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.clientWidth) charts.get(target)?.setSize({ width: target.clientWidth, height: Math.max(target.clientHeight, 256) });
  }
});

function drawAll() {
  for (const node of [...charts.keys()]) if (!node.isConnected) { charts.get(node).destroy(); charts.delete(node); }
  for (const node of document.querySelectorAll("[data-chart]")) {
    draw(node);
    sizes.observe(node);
  }
}

document.addEventListener("mp:theme", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
drawAll();
