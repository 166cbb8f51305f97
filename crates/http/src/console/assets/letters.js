// Dead letters of share groups, and taking them back.

import { ask, change, query } from "./api.js";
import { action, ask_and_do } from "./dialog.js";
import { choice, field, h, link, number, state, table, time, wrong } from "./dom.js";
import { shown } from "./messages.js";
import { address as topic_address } from "./topics.js";

export const address = (topic, group) => `/console/letters?${query({ topic, group })}`;

const all = async () => {
  const found = (await ask("letters")).topics;
  return [
    h("h1", {}, "Dead letters"),
    h("p", { class: "muted" }, "Topics that take what share groups have given up."),
    table(["Topic", "#Partitions", "#Records"], found.map((one) => [link(address(one.name), one.name), number(one.partitions), number(one.held)]),
      "There are none: a topic takes dead letters with errors.deadletterqueue.group.enable, a share group names it as errors.deadletterqueue.topic.name."),
  ];
};

// What would go back is shown before it does.
const redrive = (topic, group, again) => {
  const form = h("form", { class: "row" },
    field("Group", h("input", { name: "group", value: group || "", placeholder: "of every group", autocomplete: "off" })),
    field("From topic", h("input", { name: "from", placeholder: "any", autocomplete: "off" })),
    field("To topic", h("input", { name: "to", placeholder: "where each came from", autocomplete: "off" })),
    field("At most", h("input", { name: "most", type: "number", min: 1, max: 100000, value: 1000 })),
    h("button", {}, "Preview"));
  const place = h("div", { role: "status" });
  const said = (one) => `${number(one.count)} of group ${one.group} from ${one.from} to ${one.to}`;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    const list = (text) => (text.trim() ? [text.trim()] : []);
    const what = { topic, groups: list(given.group), from: list(given.from), to: given.to.trim(), most: given.most };
    place.replaceChildren("Looking …");
    try {
      const preview = await change("letters/redrive", what);
      const stay = [preview.gone ? `${number(preview.gone)} stay: the record is gone and was not copied, or its topic is gone.` : "", preview.left ? `${number(preview.left)} stay: they are not asked for.` : ""].filter(Boolean);
      place.replaceChildren(
        table(["Group", "From", "To", "#Dead letters"], preview.back.map((one) => [one.group, one.from, one.to, number(one.count)]), "No dead letter would go back."),
        ...stay.map((text) => h("p", { class: "muted" }, text)),
        preview.back.length ? action("Take these back", () => ask_and_do(`Take dead letters of ${topic} back`, {
          text: "Their records are written once more, for all who read there. None goes back twice:", names: preview.back.map(said),
          button: "Take back", danger: true, path: "letters/redrive", what: () => ({ ...what, apply: true }), then: again,
          done: (answer) => `${answer.back.map(said).join("; ") || "Nothing"} went back.` }), true) : "");
    } catch (error) { place.replaceChildren(wrong(error)); }
  });
  return h("details", {}, h("summary", {}, "Take dead letters back"), form, place);
};

const one = (letter) => (letter.topic == null
  ? h("span", { class: "muted" }, "not a dead letter")
  : link(`${topic_address(letter.topic, "messages")}&${query({ partition: letter.partition, from: "offset", at: letter.offset, count: 1 })}`, `${letter.topic}-${letter.partition} at ${letter.offset}`));

const detail = (record) => h("details", {}, h("summary", {}, "Record"),
  h("h3", {}, "Key"), shown(record.key, "auto", true), h("h3", {}, "Value"), shown(record.value, "auto", true),
  h("h3", {}, "Headers"), table(["Name", "Value"], record.headers.map(([name, value]) => [name, shown(value, "auto")]), "None."));

export const letters = async (parameters, { again }) => {
  const topic = parameters.get("topic");
  if (!topic) return all();
  const get = (name) => parameters.get(name) || "";
  const form = h("form", { class: "row" },
    field("From", choice("from", [["last", "the last"], ["earliest", "the first"]], get("from") || "last")),
    field("Records", h("input", { name: "count", type: "number", min: 1, max: 500, value: get("count") || 50 })),
    field("Group", h("input", { name: "group", value: get("group"), autocomplete: "off" })),
    field("Where", h("input", { name: "where", value: get("where"), placeholder: "value.amount > 100", autocomplete: "off", spellcheck: "false" })),
    h("button", { class: "main" }, "Show"));
  const place = h("div");
  const status = h("p", { class: "muted", role: "status" });
  const show = async (next) => {
    const given = Object.fromEntries(new FormData(form));
    history.replaceState(null, "", `/console/letters?${query({ topic, ...given })}`);
    status.textContent = "Reading …";
    try {
      const found = await ask("letters/of", { topic, ...given, next });
      if (given.from === "last") found.records.reverse();
      place.replaceChildren(
        table(["State", "Record", "Group", "#Deliveries", "Why", "Given up (UTC)", "#Partition", "#Offset", "What it is"], found.records.map((record) => [
          record.back == null ? "–" : record.back ? state(true, "went back") : "here", one(record.letter), record.letter.group, record.letter.deliveries,
          record.letter.message, time(record.timestamp), record.partition, number(record.offset), detail(record)]), "No dead letters."),
        found.next && given.from !== "last" ? action("Go on", () => show(found.next)) : "");
      status.textContent = `${number(found.records.length)} shown; ${number(found.scanned)} looked at${found.complete ? ", to the end" : ""}. What has gone back is noted by group ${found.progressGroup}.`;
    } catch (error) { place.replaceChildren(wrong(error)); status.textContent = ""; }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  await show();
  return [h("h1", {}, `Dead letters in ${topic}`), h("p", {}, link(topic_address(topic), "The topic")), redrive(topic, get("group"), again), form, status, place];
};
