import { ask, query } from "./api.js";
import { facts, h, link, long_table, number, size, state, table, wrong } from "./dom.js";
import { configs } from "./configs.js";
import { messages } from "./messages.js";

const [NAME, PARTITIONS, REPLICAS, LACKING, OFFLINE, INTERNAL, BYTES] = [0, 1, 2, 3, 4, 5, 6];

export const address = (name, tab) => `/console/topic?${query({ name, tab })}`;

const health = (topic) =>
  topic[OFFLINE] ? state(false, `${topic[OFFLINE]} without a leader`) : topic[LACKING] ? state(false, `${topic[LACKING]} lack replicas`) : state(true, "in order");

export const topics = async (parameters) => {
  const all = (await ask("topics")).topics;
  const with_internal = parameters.get("internal") === "1";
  const rows = with_internal ? all : all.filter((topic) => !topic[INTERNAL]);
  const hidden = all.length - rows.length;
  return [
    h("h1", {}, "Topics"),
    ...long_table(["Topic", "#Partitions", "#Replicas", "#Size", "State"], rows, {
      text: (topic) => topic[NAME],
      keys: [(topic) => topic[NAME], (topic) => topic[PARTITIONS], (topic) => topic[REPLICAS], (topic) => topic[BYTES] ?? -1, (topic) => topic[OFFLINE] * 1e6 + topic[LACKING]],
      cells: (topic) => [link(address(topic[NAME]), topic[NAME]), number(topic[PARTITIONS]), number(topic[REPLICAS]), size(topic[BYTES]), health(topic)],
    }),
    h("p", {}, with_internal ? link("/console/topics", "Without internal topics") : link("/console/topics?internal=1", `With ${hidden} internal topics`)),
  ];
};

const partitions = (found) => {
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
    partitions: () => partitions(found),
    messages: () => messages(found, parameters, page),
    settings: () => (found.configs.error ? wrong(found.configs.error) : configs(found.configs, { kind: "topic", name }, page)),
  };
  return [
    h("h1", {}, name),
    h("nav", { class: "tabs", "aria-label": "Of this topic" }, ...tabs.map(([key, text]) => link(address(name, key === "partitions" ? "" : key), text, key === tab))),
    ...[await (shown[tab] || shown.partitions)()].flat(),
  ];
};
