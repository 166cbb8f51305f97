// ACLs, users and quotas.

import { ask } from "./api.js";
import { choice, h, long_table, table, wrong } from "./dom.js";
import { action, ask_and_do } from "./dialog.js";

const TYPES = ["TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"].map((one) => [one, one]);
const OPERATIONS = ["READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT", "ALL"].map((one) => [one, one]);

const values = (form) => Object.fromEntries(new FormData(form));
const or_wrong = async (work) => { try { return await work(); } catch (error) {
  return [error.name === "SecurityDisabledException" ? h("p", { class: "muted" }, error.message) : wrong(error)];
} };
const said = (acl) => `${acl.permission} ${acl.principal} from ${acl.host}: ${acl.operation} on ${acl.type} ${acl.pattern === "PREFIXED" ? `${acl.name}…` : acl.name}`;

export const security = async (_, { again }) => {
  const acls = () => or_wrong(async () => {
    const all = (await ask("acls")).acls;
    return [
      h("div", { class: "row" }, action("Add an ACL", () => ask_and_do("Add an ACL", {
        fields: [
          ["Principal", h("input", { name: "principal", required: true, placeholder: "User:alice" })],
          ["Host", h("input", { name: "host", value: "*" })],
          ["Permission", choice("permission", [["ALLOW", "allow"], ["DENY", "deny"]])],
          ["Operation", choice("operation", OPERATIONS)],
          ["Of", choice("type", TYPES)],
          ["Pattern", choice("pattern", [["LITERAL", "the whole name"], ["PREFIXED", "how names begin"]])],
          ["Name", h("input", { name: "name", required: true, placeholder: "orders, or * for all" })],
        ],
        button: "Add", path: "acls/create", what: values, then: again,
      }))),
      ...long_table(["Principal", "Host", "Permission", "Operation", "Resource", "Pattern", "Name", "Change"], all, {
        text: said, keys: [(acl) => acl.principal, (acl) => acl.host, (acl) => acl.permission, (acl) => acl.operation, (acl) => acl.type, (acl) => acl.pattern, (acl) => acl.name],
        cells: (acl) => [acl.principal, acl.host, h("span", { class: acl.permission === "DENY" ? "bad" : "good" }, acl.permission), acl.operation, acl.type, acl.pattern, acl.name,
          action("Delete", () => ask_and_do("Delete an ACL", { names: [said(acl)], button: "Delete", danger: true, path: "acls/delete", what: () => acl, then: again }), true)],
      }),
    ];
  });
  const users = () => or_wrong(async () => {
    const all = (await ask("users")).users;
    const mechanism = () => choice("mechanism", [["SCRAM-SHA-512", "SCRAM-SHA-512"], ["SCRAM-SHA-256", "SCRAM-SHA-256"]]);
    const set = (user) => () => ask_and_do(user ? `Set ${user}'s password` : "Add a user", {
      fields: [["User", h("input", { name: "user", value: user || "", required: true, readonly: Boolean(user), autocomplete: "off" })], ["Password", h("input", { name: "password", type: "password", required: true, autocomplete: "new-password" })], ["Mechanism", mechanism()]],
      button: "Set", path: "users/set", what: values, then: again,
    });
    return [
      h("div", { class: "row" }, action("Add a user", set(null))),
      table(["User", "SCRAM credentials", "Change"], all.map((one) => [one.user, one.credentials.map(([name, iterations]) => `${name} (${iterations} iterations)`).join(", "),
        h("span", { class: "row" }, action("Set the password", set(one.user)), ...one.credentials.map(([name]) =>
          action(`Delete ${name}`, () => ask_and_do(`Delete ${one.user}'s ${name} credential`, { names: [`${one.user}: can't log in by ${name} any more`], button: "Delete", danger: true, path: "users/delete", what: () => ({ user: one.user, mechanism: name }), then: again }), true)))]), "No user has SCRAM credentials."),
    ];
  });
  const quotas = () => or_wrong(async () => {
    const all = (await ask("quotas")).quotas;
    const of = (entity) => entity.map(([kind, name]) => `${kind} ${name ?? "(default)"}`).join(", ");
    const KEYS = { user: "user", "client-id": "client", ip: "ip" };
    return [
      h("div", { class: "row" }, action("Set a quota", () => ask_and_do("Set a quota", {
        fields: [
          ["User", h("input", { name: "user" })], ["Client id", h("input", { name: "client" })], ["Address", h("input", { name: "ip" })],
          ["Quota", choice("key", ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate", "connection_creation_rate"].map((one) => [one, one]))],
          ["Value", h("input", { name: "value", required: true, inputmode: "decimal" })],
        ],
        button: "Set", path: "quotas/set", what: (form) => { const { user, client, ip, key, value } = values(form); return { user, client, ip, set: { [key]: value } }; }, then: again,
      }))),
      table(["Of", "Quota", "#Value", "Change"], all.flatMap(({ entity, values: own }) => Object.entries(own).map(([key, value]) => [of(entity), key, value,
        action("Delete", () => ask_and_do("Delete a quota", { names: [`${of(entity)}: ${key}=${value}`], button: "Delete", danger: true, path: "quotas/set",
          what: () => ({ ...Object.fromEntries(entity.map(([kind, name]) => [KEYS[kind], name ?? {}])), delete: [key] }), then: again }), true)])), "No quotas."),
    ];
  });
  const [a, u, q] = await Promise.all([acls(), users(), quotas()]);
  return [h("h1", {}, "Security"), h("h2", {}, "ACLs"), ...a, h("h2", {}, "Users"), ...u, h("h2", {}, "Quotas"), ...q];
};
