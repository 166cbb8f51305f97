// Log folders of all brokers, and the log cleaner of this node.

import { ask } from "./api.js";
import { facts, h, link, long_table, number, size, state, table, time, wrong } from "./dom.js";
import { address } from "./topics.js";

const percent = (share) => `${(share * 100).toFixed(1)} %`;
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

const folders = (brokers) => brokers.flatMap(({ id, dirs }) => (dirs.error ? [] : dirs.map((dir) => [
  link(`/console/broker?id=${id}`, id), h("span", { class: "mono" }, dir.path), dir.error ? state(false, dir.error) : state(true, "in use"),
  number(dir.partitions), size(dir.bytes), size(dir.usable), size(dir.total)])));

const last = (cleaning) => (cleaning == null ? "not since the start" : `${time(cleaning.ended)}, ${seconds(cleaning.took)}: ${number(cleaning.writtenRecords)} of ${number(cleaning.readRecords)} records stayed (${size(cleaning.writtenBytes)} of ${size(cleaning.readBytes)})`);

const cleaner = (found) => [
  found.enabled ? "" : h("div", { class: "wrong" }, "The cleaner is off (log.cleaner.enable): compacted topics only grow."),
  facts([
    ["Threads", number(found.threads)], ["Looked at the logs", `${seconds(found.sinceLook)} ago`], ["Longest last cleaning", seconds(found.longest)],
    ["Stayed of what was read", percent(found.recopied)], ["Fullest map", percent(found.mapUtilization)], ["Compacted logs", number(found.count)],
  ]),
  found.complete ? "" : h("p", { class: "muted" }, "Only the first 5,000 logs were looked at."),
  ...long_table(["Partition", "State", "#Dirty", "#Cleaned from", "#Clean", "#To be cleaned", "#Clean up to", "#Log end", "Last cleaning (UTC)"], found.logs, {
    text: (log) => `${log.topic}-${log.partition}`,
    keys: [(log) => `${log.topic}-${log.partition}`, (log) => log.state, (log) => log.ratio, (log) => log.minRatio, (log) => log.cleanBytes, (log) => log.dirtyBytes],
    cells: (log) => [link(address(log.topic), `${log.topic}-${log.partition}`), state(log.state !== "uncleanable", log.state), percent(log.ratio), percent(log.minRatio), size(log.cleanBytes),
      size(log.dirtyBytes), number(log.cleanTo), number(log.end), last(log.last)],
  }),
];

export const logs = async () => {
  const [dirs, found] = await Promise.all([ask("dirs"), ask("cleaner").catch((error) => ({ error }))]);
  const moves = dirs.brokers.flatMap(({ id, moves: own }) => own.map((one) => [id, `${one.topic}-${one.partition}`, one.to, number(one.behind)]));
  return [
    h("h1", {}, "Logs"),
    h("h2", {}, "Log folders"),
    ...dirs.brokers.filter(({ dirs: own }) => own.error).map(({ dirs: own }) => wrong(own.error)),
    table(["Broker", "Folder", "State", "#Partitions", "#Their size", "#Free", "#Disk"], folders(dirs.brokers)),
    ...(moves.length ? [h("h3", {}, "On their way between folders"), table(["Broker", "Partition", "To", "#Records behind"], moves)] : []),
    h("h2", {}, found.error ? "Log cleaner" : `Log cleaner of node ${found.node}`),
    ...(found.error ? [wrong(found.error)] : cleaner(found)),
  ];
};
