import { ask, query } from "./api.js";
import { facts, h, link, long_table, number, size, state, table, wrong } from "./dom.js";
import { configs } from "./configs.js";
import { action, ask_and_do } from "./dialog.js";
import { go } from "./app.js";
import { messages } from "./messages.js";

const [NAME, PARTITIONS, REPLICAS, LACKING, OFFLINE, INTERNAL, BYTES] = [0, 1, 2, 3, 4, 5, 6];

export const address = (name, tab) => `/console/topic?${query({ name, tab })}`;

const health = (topic) =>
  topic[OFFLINE] ? state(false, `${topic[OFFLINE]} without a leader`) : topic[LACKING] ? state(false, `${topic[LACKING]} lack replicas`) : state(true, "in order");

const create = () => {
  const configs = (text) => Object.fromEntries(text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => { const at = line.indexOf("="); return [line.slice(0, at).trim(), line.slice(at + 1).trim()]; }));
  const name = h("input", { name: "name", required: true, pattern: "[a-zA-Z0-9._\\-]+", maxlength: 249, autocomplete: "off", spellcheck: "false" });
  return ask_and_do("Create a topic", {
    fields: [
      ["Name", name],
      ["Partitions", h("input", { name: "partitions", type: "number", min: 1, placeholder: "default" })],
      ["Replicas", h("input", { name: "replicas", type: "number", min: 1, placeholder: "default" })],
      ["Settings, one name=value in each line", h("textarea", { name: "configs", spellcheck: "false", placeholder: "cleanup.policy=compact" })],
    ],
    button: "Create", path: "topics/create", what: (form) => { const given = Object.fromEntries(new FormData(form)); return { ...given, configs: configs(given.configs) }; },
    then: () => go(address(name.value)), done: "Created.",
  });
};

export const topics = async (parameters) => {
  const all = (await ask("topics")).topics;
  const with_internal = parameters.get("internal") === "1";
  const rows = with_internal ? all : all.filter((topic) => !topic[INTERNAL]);
  const hidden = all.length - rows.length;
  return [
    h("h1", {}, "Topics"),
    h("p", { class: "row" }, action("Create a topic", create)),
    ...long_table(["Topic", "#Partitions", "#Replicas", "#Size", "State"], rows, {
      text: (topic) => topic[NAME],
      keys: [(topic) => topic[NAME], (topic) => topic[PARTITIONS], (topic) => topic[REPLICAS], (topic) => topic[BYTES] ?? -1, (topic) => topic[OFFLINE] * 1e6 + topic[LACKING]],
      cells: (topic) => [link(address(topic[NAME]), topic[NAME]), number(topic[PARTITIONS]), number(topic[REPLICAS]), size(topic[BYTES]), health(topic)],
    }),
    h("p", {}, with_internal ? link("/console/topics", "Without internal topics") : link("/console/topics?internal=1", `With ${hidden} internal topics`)),
  ];
};

const actions = (found, again) => {
  const { name } = found;
  const count = found.partitions.length;
  const held = found.partitions.map((at) => `${name}-${at.partition}: offsets ${number(at.start)} to ${number(at.end)}`);
  const of = h("select", { name: "partition" }, h("option", { value: "" }, "all partitions"), ...found.partitions.map((at) => h("option", { value: at.partition }, at.partition)));
  return h("p", { class: "row" },
    action("More partitions", () => ask_and_do(`More partitions of ${name}`, {
      text: "Records with a key may then go to another partition than before. Partitions can't be taken away again.",
      fields: [["Partitions in all", h("input", { name: "partitions", type: "number", min: count + 1, value: count + 1, required: true })]],
      button: "Add", path: "topics/grow", what: (form) => ({ name, partitions: Number(form.partitions.value) }), then: again })),
    action("Delete records", () => ask_and_do(`Delete records of ${name}`, {
      text: "Gone for all consumers, and not to be had back:", names: held,
      fields: [["Of", of], ["Before offset (all if empty)", h("input", { name: "before", type: "number", min: 0 })]],
      button: "Delete records", danger: true, type_name: name, path: "topics/empty", what: (form) => ({ name, partition: form.partition.value, before: form.before.value }), then: again }), true),
    action("Delete the topic", () => ask_and_do(`Delete ${name}`, {
      text: `The topic, its ${count} partitions and all of their records go, and can't be had back:`, names: held,
      button: "Delete the topic", danger: true, type_name: name, path: "topics/delete", what: () => ({ name }), then: () => go("/console/topics"), done: `${name} is deleted.` }), true));
};

const partitions = (found, again) => {
  const records = found.partitions.reduce((sum, at) => sum + (at.end - at.start || 0), 0);
  const lacking = found.partitions.filter((at) => at.isr.length < at.replicas.length).length;
  return [
    facts([
      ["Partitions", number(found.partitions.length)],
      ["Offsets held", number(records)],
      ["Size of one replica of each", size(found.partitions.reduce((sum, at) => sum + (at.bytes || 0), 0))],
      ["Replicas", lacking ? state(false, `${lacking} partitions lack some`) : state(true, "all in sync")],
      ["Id", h("span", { class: "mono" }, found.id)],
    ]),
    actions(found, again),
    table(["#Partition", "Leader", "Replicas", "In sync", "#First offset", "#End", "#Size"], found.partitions.map((at) => [
      link(`${address(found.name, "messages")}&partition=${at.partition}`, at.partition),
      at.leader == null ? state(false, "none") : at.leader,
      at.replicas.join(", "),
      at.isr.length < at.replicas.length ? state(false, at.isr.join(", ")) : at.isr.join(", "),
      number(at.start), number(at.end), size(at.bytes),
    ])),
  ];
};

export const topic = async (parameters, page) => {
  const name = parameters.get("name");
  const tab = parameters.get("tab") || "partitions";
  const found = await ask("topic", { name });
  const tabs = [["partitions", "Partitions"], ["messages", "Messages"], ["settings", "Settings"]];
  const shown = {
    partitions: () => partitions(found, page.again),
    messages: () => messages(found, parameters, page),
    settings: () => (found.configs.error ? wrong(found.configs.error) : configs(found.configs, { kind: "topic", name }, page)),
  };
  return [
    h("h1", {}, name),
    h("nav", { class: "tabs", "aria-label": "Of this topic" }, ...tabs.map(([key, text]) => link(address(name, key === "partitions" ? "" : key), text, key === tab))),
    ...[await (shown[tab] || shown.partitions)()].flat(),
  ];
};
