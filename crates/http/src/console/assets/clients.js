// Connections, requests, plots, and what clients tell of themselves.

import { ask } from "./api.js";
import { facts, h, number, size, table } from "./dom.js";
import { plot } from "./plot.js";

const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;

export const clients = async () => {
  const [found, plots] = await Promise.all([ask("clients"), ask("plots")]);
  const telemetry = found.telemetry;
  return [
    h("h1", {}, "Clients of this node"),
    h("div", { class: "columns" },
      plot("Bytes a second", plots, [["in", plots.bytesIn], ["out", plots.bytesOut]], (value) => `${size(value)}/s`),
      plot("Records in a second", plots, [["records", plots.messagesIn]], number),
      plot("Requests a second", plots, [["requests", plots.requests]], number),
      plot("99th percentile", plots, [["Produce", plots.produceP99], ["Fetch, its work", plots.fetchLocalP99]], ms),
      plot("Connections", plots, [["open", plots.connections]], number)),
    h("h2", {}, "Connections"),
    table(["Listener", "#Open", "#Since the start"], found.listeners.map(([name, open, all]) => [name, number(open), number(all)])),
    h("h2", {}, "Requests since the start"),
    table(["Request", "Versions", "#Count", "#Half within", "#99 % within", "#In", "#Out"], found.apis.sort((a, b) => b.count - a.count).map((api) => [
      api.api, api.versions.join(", "), number(api.count), ms(api.p50), ms(api.p99), size(api.requestBytes), size(api.responseBytes)])),
    h("h2", {}, "What clients tell of themselves"),
    facts([["Clients that were asked", number(telemetry.known)], ["Pushes taken", number(telemetry.taken)], ["Unreadable", number(telemetry.unreadable)]]),
    ...telemetry.clients.map((client) => h("details", {}, h("summary", {}, `${client.id} (${client.software})`),
      table(["Metric", "Labels", "#Value"], client.values.map(([name, labels, value]) => [h("span", { class: "mono" }, name), Object.entries(labels).map(([key, text]) => `${key}=${text}`).join(", ") || "–", number(value)])))),
    telemetry.clients.length ? "" : h("p", { class: "muted" }, "Nothing: subscribe with kafka-client-metrics."),
  ];
};
