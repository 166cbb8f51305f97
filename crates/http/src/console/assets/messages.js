// Records: read, filtered, followed as they come.

import { ask, query } from "./api.js";
import { action, ask_and_do } from "./dialog.js";
import { choice, field, h, number, say, size, table, time, wrong } from "./dom.js";

const FORMATS = [["auto", "as they are"], ["json", "JSON"], ["text", "text"], ["hex", "hexadecimal"]];
const KEPT = 500;
const LANGUAGES = { AVRO: "Avro", JSON: "JSON", PROTOBUF: "Protobuf" };

const utf8 = new TextEncoder();
const to_hex = (text) => Array.from(utf8.encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
const from_hex = (hex) => new TextDecoder().decode(Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16)));

// Numbers that would not stay what they are leave the text as it is.
const pretty = (text) => {
  try {
    const value = JSON.parse(text);
    return /\d{16}/.test(text) && JSON.stringify(value) !== text ? text : JSON.stringify(value, null, 2);
  } catch { return text; }
};

// One line, or all of it.
export const shown = (bytes, format, whole) => {
  if (bytes === null) return h("span", { class: "muted" }, "null");
  const decoded = (format === "auto" || format === "json") && bytes.decoded?.text != null ? bytes.decoded : null;
  const dots = (decoded ?? bytes).cut ? "…" : "";
  let text = decoded?.text ?? bytes.text ?? bytes.hex.replace(/(..)(?=.)/g, "$1 ");
  if (format === "hex") text = (bytes.hex ?? to_hex(bytes.text)).replace(/(..)(?=.)/g, "$1 ");
  if (format === "text" && bytes.text == null) text = from_hex(bytes.hex);
  if (whole && !dots && (format === "json" || format === "auto") && (decoded || bytes.text != null)) text = pretty(text);
  if (!whole) return h("span", { class: "one-line" }, text === "" ? h("span", { class: "muted" }, "(empty)") : text.slice(0, 300) + dots);
  return h("div", {},
    h("p", { class: "muted" }, `${size(bytes.bytes)}${bytes.schema ? `, ${bytes.decoded?.type ? `${LANGUAGES[bytes.decoded.type]} by ` : ""}schema ${bytes.schema}` : ""}${dots ? ", cut" : ""}`),
    bytes.decoded?.error ? h("p", { class: "muted" }, `Not decoded: ${bytes.decoded.error}.`) : "",
    h("pre", { tabindex: 0 }, text + dots));
};

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const copy = async (text) => {
  try { await navigator.clipboard.writeText(text); say("Copied."); } catch { say(text); }
};

const download = (name, text) => {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = h("a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

const as_given = (bytes) => (bytes === null ? null : bytes.text ?? { hex: bytes.hex });

// Writes a record, which may be one that is there already.
const produce = (topic, partitions, record) => {
  const text = (bytes) => (bytes ? bytes.text ?? bytes.hex ?? "" : "");
  const kind = (bytes) => (bytes === null ? "null" : bytes && bytes.text == null ? "hex" : "text");
  const KINDS = [["text", "text"], ["hex", "hexadecimal"], ["null", "null"]];
  const given = (form, name) => { const [how, value] = [form[`${name}_kind`].value, form[name].value]; return how === "null" ? null : how === "hex" ? { hex: value } : value; };
  const headers = record ? record.headers.map(([name, value]) => `${name}=${text(value)}`).join("\n") : "";
  return ask_and_do(`Write to ${topic}`, {
    fields: [
      ["Partition", choice("partition", [["", "by the key"], ...partitions.map((at) => [String(at.partition), at.partition])], record ? String(record.partition) : "")],
      ["Key is", choice("key_kind", KINDS, record ? kind(record.key) : "text")], ["Key", h("textarea", { name: "key", rows: 2, spellcheck: "false" }, text(record?.key))],
      ["Value is", choice("value_kind", KINDS, record ? kind(record.value) : "text")], ["Value", h("textarea", { name: "value", spellcheck: "false" }, text(record?.value))],
      ["Headers, one name=value in each line", h("textarea", { name: "headers", rows: 2, spellcheck: "false" }, headers)],
      ["How often", h("input", { name: "count", type: "number", min: 1, max: 1000, value: 1 })],
    ],
    button: "Write", path: "produce",
    what: (form) => ({ topic, partition: form.partition.value, key: given(form, "key"), value: given(form, "value"), count: form.count.value,
      headers: form.headers.value.split("\n").filter(Boolean).map((line) => { const at = line.indexOf("="); return at < 0 ? [line, null] : [line.slice(0, at), line.slice(at + 1)]; }) }),
    done: (answer) => `Written at offset ${answer.written.map((one) => one.offset).join(", ")}.`,
  });
};

const tools = (topic, record) => h("p", { class: "row" },
  action("Copy as JSON", () => copy(JSON.stringify(record, null, 2))),
  action("Copy as kcat", () => copy(`kcat -b ${location.hostname}:9092 -C -t ${topic} -p ${record.partition} -o ${record.offset} -c 1 -J`)),
  action("Copy as curl", () => copy(`curl -s ${quoted(`${location.origin}/console/api/messages?${query({ topic, partition: record.partition, from: "offset", at: record.offset, count: 1, whole: 1 })}`)}`)),
  action("Copy as curl that writes it", () => copy(`curl -s ${location.origin}/console/api/produce -H 'X-Barnabas-Console: 1' -d ${quoted(JSON.stringify({ topic, partition: record.partition, key: as_given(record.key), value: as_given(record.value), headers: record.headers.map(([name, value]) => [name, as_given(value)]) }))}`)),
  action("Download", () => download(`${topic}-${record.partition}-${record.offset}.json`, JSON.stringify(record, null, 2))),
  record.again ? action("Write again", record.again) : "");

const details = (topic, record, format) => h("div", { class: "columns" },
  h("div", {}, h("h3", {}, "Key"), shown(record.key, format, true)),
  h("div", {}, h("h3", {}, "Value"), shown(record.value, format, true)),
  h("div", {}, h("h3", {}, "Headers"), table(["Name", "Value"], record.headers.map(([name, value]) => [name, shown(value, "auto")]), "None.")),
  h("div", {}, h("h3", {}, "Timestamp"), h("p", {}, `${time(record.timestamp)} UTC (${record.timestampType})`), tools(topic, record)));

const rows = (topic, partitions, record, format) => {
  const place = h("tr", { class: "detail", hidden: true }, h("td", { colspan: 6 }));
  const open = h("button", { type: "button", "aria-expanded": "false", "aria-label": `Record ${record.partition}:${record.offset}` }, "+");
  open.addEventListener("click", async () => {
    const is_open = place.hidden;
    place.hidden = !is_open;
    open.setAttribute("aria-expanded", String(is_open));
    open.textContent = is_open ? "−" : "+";
    if (!is_open || place.firstChild.childNodes.length) return;
    let whole = record;
    const cut = [record.key, record.value, ...record.headers.map(([, value]) => value)].some((bytes) => bytes?.cut || bytes?.decoded?.cut);
    try {
      if (cut) whole = (await ask("messages", { topic, partition: record.partition, from: "offset", at: record.offset, count: 1, whole: 1 })).records[0] || record;
      Object.defineProperty(whole, "again", { value: () => produce(topic, partitions, whole) });
      place.firstChild.replaceChildren(details(topic, whole, format));
    } catch (error) { place.firstChild.replaceChildren(wrong(error)); }
  });
  return [
    h("tr", {}, h("td", {}, open), h("td", { class: "number" }, record.partition), h("td", { class: "number" }, number(record.offset)),
      h("td", { class: "short aside" }, time(record.timestamp)), h("td", { class: "key" }, shown(record.key, format)), h("td", { class: "value" }, shown(record.value, format))),
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
    text("key", "Key has", ""), text("value", "Value has", ""), text("header", "Header", "name or name=text"), text("field", "JSON field", "path.to.it=value"), text("where", "Where", "value.amount > 100 AND key LIKE 'a%'"),
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
  const list = (records, format) => h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Records" }, h("table", { class: "records" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "muted" }, "Open")), ...["Partition", "Offset"].map((head) => h("th", { scope: "col", class: "number" }, head)), h("th", { scope: "col", class: "aside" }, "Time (UTC)"), ...["Key", "Value"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...records.flatMap((record) => rows(topic, found.partitions, record, format)))));
  const follow = (given) => {
    const { from: _, at: __, count: ___, ...rest } = asked(given);
    const shown_list = list([], given.as);
    const body = shown_list.querySelector("tbody");
    let seen = 0;
    place.replaceChildren(shown_list);
    status.textContent = "Connecting …";
    source = new EventSource(`/console/api/tail?${query(rest)}`);
    source.addEventListener("begin", (event) => { status.textContent = `Following ${number(JSON.parse(event.data).partitions)} partitions; waiting for records …`; });
    source.addEventListener("records", (event) => {
      const records = JSON.parse(event.data);
      seen += records.length;
      for (const record of records) body.prepend(...rows(topic, found.partitions, record, given.as));
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
        place.replaceChildren(all.length ? list(all, given.as) : h("p", { class: "muted" }, "No records."), answer.next && given.from !== "last" ? more : "", all.length ? action("Download these", () => download(`${topic}.json`, JSON.stringify(all, null, 2))) : "");
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
  return [form, h("p", { class: "row" }, action("Write a record", () => produce(topic, found.partitions))), status, place];
};
