// A plot of the last hour, in SVG; the same numbers stand in a table for who does not see it.

import { h, table, time } from "./dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [400, 120];

const svg = (name, attributes, ...children) => {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

export const plot = (title, { times }, series, shown) => {
  const most = Math.max(...series.flatMap(([, values]) => values), 0);
  const first = times[times.length - 1] - 3600000;
  const x = (at) => ((times[at] - first) / 3600000) * WIDTH;
  const y = (value) => HEIGHT - 4 - (most ? value / most : 0) * (HEIGHT - 22);
  const lines = series.map(([, values], at) => svg("polyline", { class: `c${at}`, points: values.map((value, point) => `${x(point).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
  const last = series.map(([name, values], at) => h("span", { class: `legend c${at}` }, `${name} ${values.length ? shown(values[values.length - 1]) : "–"}`));
  const empty = times.length < 2 ? [svg("text", { x: 8, y: HEIGHT / 2 }, "The first points come in half a minute.")] : [];
  const picture = svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}, the last hour; at most ${shown(most)}` },
    svg("line", { x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }), ...lines, ...empty);
  const rows = times.map((at, point) => [time(at), ...series.map(([, values]) => shown(values[point]))]).reverse();
  return h("figure", {},
    h("figcaption", {}, h("strong", {}, title), ` at most ${shown(most)} `, ...last),
    picture,
    h("details", {}, h("summary", {}, "Numbers"), table(["Time (UTC)", ...series.map(([name]) => `#${name}`)], rows, "None yet.")));
};
