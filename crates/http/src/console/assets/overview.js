import { ask } from "./api.js";
import { facts, h, link, number, size, state, table, time, wrong } from "./dom.js";
import { configs } from "./configs.js";

export const overview = async (_, { on_leave, again }) => {
  const found = await ask("overview");
  const timer = setInterval(again, 15000);
  on_leave(() => clearInterval(timer));
  const quorum = found.quorum;
  return [
    h("h1", {}, "Overview"),
    found.problems.length
      ? h("div", { class: "wrong" }, h("strong", {}, "What is wrong"), h("ul", {}, ...found.problems.map((text) => h("li", {}, text))))
      : h("p", { class: "good" }, "Nothing is wrong."),
    facts([
      ["Cluster", h("span", { class: "mono" }, found.cluster)],
      ["Brokers", number(found.nodes.length)],
      ["Topics", `${number(found.topics)} and ${number(found.internalTopics)} internal`],
      ["Partitions", number(found.partitions)],
      ["On disk, all replicas", size(found.bytes)],
    ]),
    h("h2", {}, "Brokers"),
    table(["#Id", "Address", "Rack", "State", "Role"], found.nodes.map((node) => [
      link(`/console/broker?id=${node.id}`, node.id),
      `${node.host}:${node.port}`,
      node.rack,
      node.fenced ? state(false, "fenced") : state(true, "alive"),
      node.controller ? "active controller" : "–",
    ])),
    h("h2", {}, "Quorum of controllers"),
    quorum.error ? wrong(quorum.error) : [
      h("p", { class: "muted" }, `Node ${quorum.leader} leads in epoch ${quorum.epoch}; committed up to ${number(quorum.highWatermark)}.`),
      table(["#Node", "Role", "#Log end", "#Behind", "Caught up (UTC)"], [
        ...quorum.voters.map((one) => [one.id, one.id === quorum.leader ? "leader" : "voter", number(one.end), number(one.lag), time(one.caughtUp)]),
        ...quorum.observers.map((one) => [one.id, "observer", number(one.end), number(one.lag), time(one.caughtUp)]),
      ]),
    ],
  ].flat();
};

export const broker = async (parameters, page) => {
  const found = await ask("broker", { id: parameters.get("id") });
  return [
    h("h1", {}, `Broker ${found.id}`),
    facts([["Address", `${found.host}:${found.port}`], ["Rack", found.rack]]),
    h("h2", {}, "Log folders"),
    found.dirs.error ? wrong(found.dirs.error) : found.dirs.map((dir) => [
      h("h3", { class: "mono" }, dir.path),
      dir.error ? wrong({ name: "KafkaStorageException", message: dir.error }) : facts([
        ["Partitions", number(dir.partitions)], ["Their size", size(dir.bytes)], ["Free on the disk", size(dir.usable)], ["Disk", size(dir.total)],
      ]),
      dir.largest.length ? h("details", {}, h("summary", {}, "The largest partitions"), table(["Partition", "#Size"], dir.largest.map(([bytes, name]) => [name, size(bytes)]))) : [],
    ]).flat(),
    h("h2", {}, "Settings"),
    found.configs.error ? wrong(found.configs.error) : configs(found.configs, { kind: "broker", name: String(found.id) }, page),
  ].flat();
};
