import { ask, query } from "./api.js";
import { facts, h, link, long_table, number, state, table, wrong } from "./dom.js";
import { address as topic_address } from "./topics.js";
import { change } from "./api.js";
import { action, ask_and_do } from "./dialog.js";
import { choice, field } from "./dom.js";
import { configs } from "./configs.js";
import { address as letters_address } from "./letters.js";
import { go } from "./app.js";
import { plot } from "./plot.js";

export const address = (id) => `/console/group?${query({ id })}`;

export const groups = async () => {
  const all = (await ask("groups")).groups;
  return [
    h("h1", {}, "Groups"),
    ...long_table(["Group", "Kind", "State", "Protocol"], all, {
      text: (group) => group.id,
      keys: [(group) => group.id, (group) => group.type, (group) => group.state],
      cells: (group) => [link(address(group.id), group.id || "(empty)"), group.type, group.state, group.protocol || "–"],
    }),
  ];
};

const group_configs = async (found, page) => {
  try { return configs((await ask("configs", { kind: "group", name: found.id })).configs, { kind: "group", name: found.id }, page).flat(); } catch (error) { return [wrong(error)]; }
};

const assigned = (partitions) => {
  const topics = {};
  for (const [topic, index] of partitions) (topics[topic] ||= []).push(index);
  return Object.entries(topics).map(([topic, indexes]) => `${topic}: ${indexes.sort((a, b) => a - b).join(", ")}`).join("; ") || "nothing";
};

// Where the offsets would go is shown before they do.
const reset = (found, again) => {
  const topics = [...new Set(found.offsets.map((at) => at.topic))];
  const at = h("input", { name: "at", placeholder: "42, -10, or 2026-01-31 12:00", autocomplete: "off" });
  const form = h("form", { class: "row" },
    field("Topic", h("input", { name: "topic", list: "topics-of-group", placeholder: "all that is committed", autocomplete: "off" })),
    h("datalist", { id: "topics-of-group" }, ...topics.map((topic) => h("option", { value: topic }, topic))),
    field("Partition", h("input", { name: "partition", type: "number", min: 0, placeholder: "all" })),
    field("To", choice("to", [["earliest", "the beginning"], ["latest", "the end"], ["offset", "offset"], ["shift", "so many further"], ["timestamp", "time (UTC)"]])),
    field("Offset or time", at), h("button", {}, "Preview"));
  const place = h("div");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = { id: found.id, ...Object.fromEntries(new FormData(form)) };
    if (given.to === "timestamp" && !/^\d+$/.test(given.at)) given.at = Date.parse(`${given.at.trim().replace(" ", "T")}Z`);
    try {
      const preview = await change("groups/reset", given);
      const rows = preview.offsets.map((one) => [one.topic, one.partition, number(one.now), number(one.new), number(one.lag)]);
      place.replaceChildren(table(["Topic", "#Partition", "#Now", "#Then", "#Lag then"], rows, "Nothing would change: name a topic."),
        rows.length ? action("Set these offsets", () => ask_and_do(`Set the offsets of ${found.id}`, {
          text: "The group must have no members. Then it reads from there on:", names: preview.offsets.map((one) => `${one.topic}-${one.partition}: ${one.now ?? "nothing"} → ${one.new}`),
          button: "Set", danger: true, path: "groups/reset", what: () => ({ ...given, apply: true }), then: again }), true) : "");
    } catch (error) { place.replaceChildren(wrong(error)); }
  });
  return h("details", {}, h("summary", {}, "Set the offsets"), form, place);
};

const remove = (found) => action("Delete the group", () => ask_and_do(`Delete ${found.id}`, {
  text: "What the group has committed goes, and can't be had back:",
  names: (found.offsets || []).map((at) => `${at.topic}-${at.partition}: ${at.committed}`), type_name: found.id,
  button: "Delete the group", danger: true, path: "groups/delete", what: () => ({ id: found.id }), then: () => go("/console/groups"), done: `${found.id} is deleted.` }), true);

// Who holds a record: the member's client, and where it is.
const holder = (found, id) => {
  const member = (found.members || []).find((one) => one.id === id);
  return h("span", {}, member ? `${member.client} at ${member.host} ` : "", h("span", { class: "mono muted" }, id));
};

const shares = (found) => [
  ...(found.deadLetters ? [h("p", {}, "What it gives up goes to ", link(letters_address(found.deadLetters, found.id), found.deadLetters), ".")] : []),
  h("h2", {}, "Positions"),
  table(["Topic", "#Partition", "#All done before", "#Lag"], (found.shareOffsets || []).map((at) => [link(topic_address(at.topic), at.topic), at.partition, at.start < 0 ? "–" : number(at.start), at.lag < 0 ? "–" : number(at.lag)]), "The group has begun nothing."),
  h("h2", {}, "In flight, of partitions that this node leads"),
  table(["Topic", "#Partition", "Records", "State", "#Deliveries", "Held by", "#For another"], (found.inFlight || []).flatMap((at) => at.runs.map((run) => [
    at.topic, at.partition, run.first === run.last ? number(run.first) : `${number(run.first)} to ${number(run.last)}`, run.state, run.deliveries,
    run.member ? holder(found, run.member) : "–", run.endsIn == null ? "–" : `${(run.endsIn / 1000).toFixed(1)} s`,
  ])), "Nothing."),
];

export const group = async (parameters, page) => {
  const found = await ask("group", { id: parameters.get("id") });
  const lag = (found.offsets || found.shareOffsets || []).reduce((sum, at) => sum + Math.max(at.lag || 0, 0), 0);
  return [
    h("h1", {}, found.id || "(empty)"),
    facts([
      ["Kind", found.type], ["State", state(!["Dead"].includes(found.state), found.state)], ["Lag", found.offsets || found.shareOffsets ? number(lag) : "–"],
      ["Members", found.members ? number(found.members.length) : "–"], ["Coordinator", found.coordinator == null ? "–" : link(`/console/broker?id=${found.coordinator}`, `broker ${found.coordinator}`)],
      ["Assignor", found.assignor || "–"], ["Epoch", number(found.epoch)],
    ]),
    h("h2", {}, "Members"),
    found.membersError ? wrong(found.membersError) : table(["Client", "Host", "Member", "Reads", "Is to read"], found.members.map((member) => [
      member.client, member.host, h("span", { class: "mono" }, member.instance ? `${member.instance} (${member.id})` : member.id), assigned(member.assigned),
      member.target.length ? assigned(member.target) : "–",
    ]), "No members."),
    ...(found.type === "share" ? shares(found) : offsets(found, page.again)),
    h("p", { class: "row" }, remove(found)),
    h("details", {}, h("summary", {}, "Settings"), ...(await group_configs(found, page))),
  ];
};

const offsets = (found, again) => [
    h("h2", {}, "Offsets"),
    found.offsetsError ? wrong(found.offsetsError) : table(["Topic", "#Partition", "#Committed", "#End", "#Lag", "Note"], found.offsets.map((at) => [
      link(topic_address(at.topic), at.topic), at.partition, number(at.committed), number(at.end), number(at.lag), at.metadata || "–",
    ]), "Nothing is committed."),
    ...(found.lagOverTime ? [h("h2", {}, "The last hour"), plot("Lag, of partitions that this node leads", found.lagOverTime, [["records", found.lagOverTime.lags]], number)] : []),
    found.offsetsError ? "" : reset(found, again),
];
