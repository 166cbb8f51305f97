import { ask, query } from "./api.js";
import { facts, h, link, long_table, number, state, table, wrong } from "./dom.js";
import { address as topic_address } from "./topics.js";

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

const assigned = (partitions) => {
  const topics = {};
  for (const [topic, index] of partitions) (topics[topic] ||= []).push(index);
  return Object.entries(topics).map(([topic, indexes]) => `${topic}: ${indexes.sort((a, b) => a - b).join(", ")}`).join("; ") || "nothing";
};

export const group = async (parameters) => {
  const found = await ask("group", { id: parameters.get("id") });
  const lag = (found.offsets || []).reduce((sum, at) => sum + (at.lag || 0), 0);
  return [
    h("h1", {}, found.id || "(empty)"),
    facts([
      ["Kind", found.type], ["State", state(!["Dead"].includes(found.state), found.state)], ["Lag", found.offsets ? number(lag) : "–"],
      ["Members", found.members ? number(found.members.length) : "–"], ["Coordinator", found.coordinator == null ? "–" : link(`/console/broker?id=${found.coordinator}`, `broker ${found.coordinator}`)],
      ["Assignor", found.assignor || "–"], ["Epoch", number(found.epoch)],
    ]),
    h("h2", {}, "Members"),
    found.membersError ? wrong(found.membersError) : table(["Client", "Host", "Member", "Reads", "Is to read"], found.members.map((member) => [
      member.client, member.host, h("span", { class: "mono" }, member.instance ? `${member.instance} (${member.id})` : member.id), assigned(member.assigned),
      member.target.length ? assigned(member.target) : "–",
    ]), "No members."),
    h("h2", {}, "Offsets"),
    found.offsetsError ? wrong(found.offsetsError) : table(["Topic", "#Partition", "#Committed", "#End", "#Lag", "Note"], found.offsets.map((at) => [
      link(topic_address(at.topic), at.topic), at.partition, number(at.committed), number(at.end), number(at.lag), at.metadata || "–",
    ]), "Nothing is committed."),
  ];
};
