import { field, h } from "./dom.js";
import { action, ask_and_do } from "./dialog.js";
import { ABOUT } from "./about.js";

const SOURCES = {
  DYNAMIC_TOPIC_CONFIG: "set at the topic",
  DYNAMIC_GROUP_CONFIG: "set at the group",
  DYNAMIC_BROKER_CONFIG: "set at the broker, at run time",
  DYNAMIC_DEFAULT_BROKER_CONFIG: "set for all brokers, at run time",
  STATIC_BROKER_CONFIG: "the broker's start",
  DYNAMIC_CLIENT_METRICS_CONFIG: "set at the subscription",
  DEFAULT_CONFIG: "default",
};

// Settings with what each is for and where its value comes from.
export const configs = (entries, resource, page) => {
  const set = (entry) => () => {
    const value = h("input", { name: "value", value: entry.value ?? "", autocomplete: "off" });
    return ask_and_do(`Set ${entry.name}`, {
      text: `${ABOUT[entry.name] || ""} ${entry.about || ""}`.trim(), fields: [[`Value for ${resource.kind} ${resource.name}`, value]],
      button: "Set", path: "configs/alter", what: () => ({ ...resource, set: { [entry.name]: value.value } }), then: page?.again,
    });
  };
  const unset = (entry) => () => ask_and_do(`Set ${entry.name} back`, {
    text: entry.otherwise != null ? `It will be ${entry.otherwise}.` : "It will be what it is without being set here.", names: [`${entry.name}=${entry.value}`],
    button: "Set back", danger: true, path: "configs/alter", what: () => ({ ...resource, delete: [entry.name] }), then: page?.again,
  });
  const is_own = (entry) => entry.source.startsWith("DYNAMIC_") && entry.source !== "DYNAMIC_DEFAULT_BROKER_CONFIG" && (resource.kind === "broker" || entry.source !== "DYNAMIC_BROKER_CONFIG");
  const filter = h("input", { type: "search", placeholder: "part of the name" });
  const only_set = h("input", { type: "checkbox" });
  const place = h("div");
  only_set.checked = resource.kind === "broker";
  const row = (entry) => h("tr", {},
    h("td", {}, h("details", {},
      h("summary", { class: "mono" }, entry.name),
      ABOUT[entry.name] ? h("p", {}, ABOUT[entry.name]) : "",
      h("p", {}, entry.about || ""),
      entry.otherwise != null ? h("p", { class: "muted" }, `Without it: ${entry.otherwise}`) : "",
      entry.from && entry.from !== entry.name ? h("p", { class: "muted" }, `From ${entry.from}`) : "")),
    h("td", { class: "mono" }, entry.sensitive ? "(secret)" : entry.value === "" ? "(empty)" : entry.value),
    h("td", { class: "muted" }, SOURCES[entry.source] || entry.source),
    h("td", { class: "short" }, entry.readOnly ? h("span", { class: "muted" }, "at the start only") : [action("Set", set(entry)), is_own(entry) ? action("Set back", unset(entry)) : ""]));
  const show = () => {
    const shown = entries.filter((entry) => entry.name.includes(filter.value.toLowerCase()) && !(only_set.checked && entry.source === "DEFAULT_CONFIG"));
    place.replaceChildren(h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Settings" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), h("th", { scope: "col" }, "Value"), h("th", { scope: "col" }, "From"), h("th", { scope: "col" }, "Change"))),
      h("tbody", {}, ...shown.map(row)))));
  };
  filter.addEventListener("input", show);
  only_set.addEventListener("change", show);
  show();
  return [h("div", { class: "row" }, field("Filter", filter), h("label", { class: "check" }, only_set, "Only what is set")), place];
};
