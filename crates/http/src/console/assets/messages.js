// Records: read, filtered, followed as they come.

import { ask, query } from "./api.js";
import { choice, field, h, number, size, table, time, wrong } from "./dom.js";

const FORMATS = [["auto", "as they are"], ["json", "JSON"], ["text", "text"], ["hex", "hexadecimal"]];
const KEPT = 500;

const utf8 = new TextEncoder();
const to_hex = (text) => Array.from(utf8.encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
const from_hex = (hex) => new TextDecoder().decode(Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16)));

const pretty = (text) => {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

// One line, or all of it.
const shown = (bytes, format, whole) => {
  if (bytes === null) return h("span", { class: "muted" }, "null");
  const dots = bytes.cut ? "…" : "";
  let text = bytes.text ?? bytes.hex.replace(/(..)(?=.)/g, "$1 ");
  if (format === "hex") text = (bytes.hex ?? to_hex(bytes.text)).replace(/(..)(?=.)/g, "$1 ");
  if (format === "text" && bytes.text == null) text = from_hex(bytes.hex);
  if (whole && !bytes.cut && (format === "json" || format === "auto") && bytes.text != null) text = pretty(text);
  if (!whole) return h("span", { class: "one-line" }, text === "" ? h("span", { class: "muted" }, "(empty)") : text.slice(0, 300) + dots);
  return h("div", {},
    h("p", { class: "muted" }, `${size(bytes.bytes)}${bytes.schema ? `, schema ${bytes.schema}` : ""}${bytes.cut ? ", cut" : ""}`),
    h("pre", { tabindex: 0 }, text + dots));
};

const details = (topic, record, format) => h("div", { class: "columns" },
  h("div", {}, h("h3", {}, "Key"), shown(record.key, format, true)),
  h("div", {}, h("h3", {}, "Value"), shown(record.value, format, true)),
  h("div", {}, h("h3", {}, "Headers"), table(["Name", "Value"], record.headers.map(([name, value]) => [name, shown(value, "auto")]), "None.")),
  h("div", {}, h("h3", {}, "Timestamp"), h("p", {}, `${time(record.timestamp)} UTC (${record.timestampType})`)));

const rows = (topic, record, format) => {
  const place = h("tr", { class: "detail", hidden: true }, h("td", { colspan: 6 }));
  const open = h("button", { type: "button", "aria-expanded": "false", "aria-label": `Record ${record.partition}:${record.offset}` }, "+");
  open.addEventListener("click", async () => {
    const is_open = place.hidden;
    place.hidden = !is_open;
    open.setAttribute("aria-expanded", String(is_open));
    open.textContent = is_open ? "−" : "+";
    if (!is_open || place.firstChild.childNodes.length) return;
    let whole = record;
    const cut = [record.key, record.value, ...record.headers.map(([, value]) => value)].some((bytes) => bytes?.cut);
    try {
      if (cut) whole = (await ask("messages", { topic, partition: record.partition, from: "offset", at: record.offset, count: 1, whole: 1 })).records[0] || record;
      place.firstChild.replaceChildren(details(topic, whole, format));
    } catch (error) { place.firstChild.replaceChildren(wrong(error)); }
  });
  return [
    h("tr", {}, h("td", {}, open), h("td", { class: "number" }, record.partition), h("td", { class: "number" }, number(record.offset)),
      h("td", { class: "short" }, time(record.timestamp)), h("td", {}, shown(record.key, format)), h("td", {}, shown(record.value, format))),
    place,
  ];
};

export const messages = async (found, parameters, { on_leave }) => {
  const topic = found.name;
  const get = (name) => parameters.get(name) || "";
  const text = (name, label, hint) => field(label, h("input", { name, value: get(name), placeholder: hint, autocomplete: "off" }));
  const form = h("form", { class: "row" },
    field("Partition", choice("partition", [["", "all"], ...found.partitions.map((at) => [String(at.partition), at.partition])], get("partition"))),
    field("From", choice("from", [["last", "the last"], ["earliest", "the first"], ["offset", "offset"], ["timestamp", "time (UTC)"], ["live", "now on, live"]], get("from") || "last")),
    field("Offset or time", h("input", { name: "at", value: get("at"), placeholder: "42 or 2026-01-31 12:00", autocomplete: "off" })),
    field("Records", h("input", { name: "count", type: "number", min: 1, max: 500, value: get("count") || 50 })),
    text("key", "Key has", ""), text("value", "Value has", ""), text("header", "Header", "name or name=text"), text("field", "JSON field", "path.to.it=value"),
    field("Transactions", choice("isolation", [["", "all records"], ["read_committed", "committed only"]], get("isolation"))),
    field("Show as", choice("as", FORMATS, get("as") || "auto")),
    h("button", { class: "main" }, "Show"));
  const place = h("div");
  const status = h("p", { class: "muted", role: "status" });
  let source = null;
  const end = () => { source?.close(); source = null; };
  on_leave(end);
  const wanted = () => {
    const given = Object.fromEntries(new FormData(form));
    if (given.from !== "offset" && given.from !== "timestamp") delete given.at;
    return given;
  };
  const asked = (given) => {
    const { as: _, at, ...rest } = given;
    const moment = () => (/^\d+$/.test(at) ? at : Date.parse(`${at.trim().replace(" ", "T")}Z`));
    if (given.from === "timestamp" && !(moment() >= 0)) throw Object.assign(new Error("a time such as 2026-01-31 12:00, or milliseconds since 1970"), { name: "Time" });
    return { topic, ...rest, at: given.from === "timestamp" ? moment() : at };
  };
  const list = (records, format) => h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "muted" }, "Open")), ...["Partition", "Offset"].map((head) => h("th", { scope: "col", class: "number" }, head)), ...["Time (UTC)", "Key", "Value"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...records.flatMap((record) => rows(topic, record, format)))));
  const follow = (given) => {
    const { from: _, at: __, count: ___, ...rest } = asked(given);
    const shown_list = list([], given.as);
    const body = shown_list.querySelector("tbody");
    let seen = 0;
    place.replaceChildren(shown_list);
    status.textContent = "Waiting for records …";
    source = new EventSource(`/console/api/tail?${query(rest)}`);
    source.addEventListener("records", (event) => {
      const records = JSON.parse(event.data);
      seen += records.length;
      for (const record of records) body.prepend(...rows(topic, record, given.as));
      while (body.childNodes.length > 2 * KEPT) body.lastChild.remove();
      status.textContent = `${number(seen)} records, the newest first.`;
    });
    source.addEventListener("failure", (event) => { end(); place.replaceChildren(wrong(JSON.parse(event.data).error)); status.textContent = ""; });
    source.addEventListener("error", () => { if (source) status.textContent = "The connection was lost; trying again …"; });
  };
  const show = async () => {
    end();
    const given = wanted();
    history.replaceState(null, "", `/console/topic?${query({ name: topic, tab: "messages", ...given })}`);
    try {
      if (given.from === "live") return follow(given);
      status.textContent = "Reading …";
      let all = [];
      let answer = await ask("messages", asked(given));
      const more = h("button", { type: "button" }, "Go on");
      const update = () => {
        all = all.concat(answer.records);
        if (given.from === "last") all.reverse();
        place.replaceChildren(all.length ? list(all, given.as) : h("p", { class: "muted" }, "No records."), answer.next && given.from !== "last" ? more : "");
        status.textContent = `${number(all.length)} records; ${number(answer.scanned)} looked at${answer.complete ? ", to the end" : ""}.`;
      };
      more.addEventListener("click", async () => {
        try { answer = await ask("messages", { ...asked(given), next: answer.next }); update(); } catch (error) { status.replaceChildren(wrong(error)); }
      });
      update();
    } catch (error) { place.replaceChildren(wrong(error)); status.textContent = ""; }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  await show();
  return [form, status, place];
};
