// Transactions: coordinated ones, and what partitions have open.

import { ask, query } from "./api.js";
import { h, link, long_table, number, state, table, time } from "./dom.js";
import { action, ask_and_do } from "./dialog.js";

const at = ([topic, index]) => `${topic}-${index}`;

export const transactions = async (_, { again }) => {
  const found = await ask("transactions");
  return [
    h("h1", {}, "Transactions"),
    h("h2", {}, "Open in partitions"),
    found.complete ? "" : h("p", { class: "muted" }, "Only the first 2000 partitions were looked at."),
    table(["Partition", "#Since offset", "#Producer", "Last written (UTC)", "State", "Change"], found.open.map((one) => [
      link(`/console/topic?${query({ name: one.topic, tab: "messages", partition: one.partition, from: "offset", at: one.start })}`, at([one.topic, one.partition])), number(one.start), `${one.producer} (epoch ${one.epoch})`, time(one.last),
      one.hangs ? state(false, "hangs: no coordinator knows it") : one.coordinated ? "open" : "not coordinated",
      action("Abort", () => ask_and_do("Abort a transaction", {
        text: "An abort marker is written to this partition. Consumers with read_committed go on behind it and never see these records.",
        names: [`${at([one.topic, one.partition])} from offset ${one.start} on, of producer ${one.producer}`],
        button: "Abort", danger: true, path: "transactions/abort", what: () => ({ topic: one.topic, partition: one.partition, start: one.start }), then: again,
      }), true),
    ]), "No partition has a transaction open."),
    h("h2", {}, "Transactional ids"),
    ...long_table(["Id", "State", "#Producer", "Coordinator", "#Timeout", "Began (UTC)", "Partitions", "Change"], found.transactions, {
      text: (one) => one.id, keys: [(one) => one.id, (one) => one.state, (one) => one.producer],
      cells: (one) => [one.id, one.state, `${one.producer} (epoch ${one.epoch})`, `broker ${one.coordinator}`, `${number(one.timeout)} ms`, time(one.began), one.partitions.map(at).join(", ") || "–",
        action("Fence", () => ask_and_do("Fence a producer", { text: "Its open transaction is aborted, and whoever writes by this transactional id has to begin anew.", names: [one.id], button: "Fence", danger: true, path: "transactions/fence", what: () => ({ id: one.id }), then: again }), true)],
    }),
  ];
};
