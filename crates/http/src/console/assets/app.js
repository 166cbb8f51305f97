// Which page an address is, and how one gets from page to page.

import { ask } from "./api.js";
import { h, link, wrong } from "./dom.js";
import { overview, broker } from "./overview.js";
import { topics, topic } from "./topics.js";
import { groups, group } from "./groups.js";
import { letters } from "./letters.js";
import { logs } from "./logs.js";
import { transactions } from "./transactions.js";
import { security } from "./security.js";
import { clients } from "./clients.js";

// Path behind /console/, page, title, name among the pages.
const PAGES = [
  ["", overview, "Overview", "Overview"],
  ["broker", broker, "Broker"],
  ["topics", topics, "Topics", "Topics"],
  ["topic", topic, "Topic"],
  ["groups", groups, "Groups", "Groups"],
  ["group", group, "Group"],
  ["letters", letters, "Dead letters", "Dead letters"],
  ["transactions", transactions, "Transactions", "Transactions"],
  ["logs", logs, "Logs", "Logs"],
  ["security", security, "Security", "Security"],
  ["clients", clients, "Clients", "Clients"],
];

const PARENTS = { topic: "topics", group: "groups", broker: "" };

const main = document.getElementById("main");
let leave = [];
let turn = 0;

const show = async (focus) => {
  const mine = ++turn;
  leave.forEach((end) => end());
  leave = [];
  const path = location.pathname.replace(/^\/console\/?/, "");
  const page = PAGES.find(([own]) => own === path);
  const parent = PARENTS[path] ?? path;
  document.getElementById("nav").replaceChildren(
    ...PAGES.filter(([, , , name]) => name).map(([own, , , name]) => link(`/console${own ? `/${own}` : ""}`, name, own === parent)));
  document.title = `${page ? page[2] : "Nothing here"} – Barnabas`;
  const parameters = new URLSearchParams(location.search);
  const on_leave = (end) => (mine === turn ? leave.push(end) : end());
  let content;
  try {
    content = page ? await page[1](parameters, { on_leave, again: () => show(false) }) : [h("h1", {}, "Nothing here"), h("p", {}, link("/console", "To the overview"))];
  } catch (error) {
    content = [h("h1", {}, page[2]), wrong(error), h("button", { type: "button", onclick: () => show(false) }, "Try again")];
  }
  if (mine !== turn) return;
  main.replaceChildren(...content.flat());
  main.dataset.shown = path || "overview";
  if (focus) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
};

export const go = (address) => { history.pushState(null, "", address); show(true); };

addEventListener("popstate", () => show(true));
addEventListener("click", (event) => {
  const found = event.target.closest?.("a[href^='/console']");
  if (!found || event.ctrlKey || event.metaKey || event.shiftKey || event.button || found.hasAttribute("download")) return;
  event.preventDefault();
  go(found.getAttribute("href"));
});

const THEMES = ["", "light", "dark"];
const button = document.getElementById("theme");
const themed = (theme) => {
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  button.textContent = `Theme: ${theme || "as the system"}`;
};
const kept = () => { try { return localStorage.getItem("theme") || ""; } catch { return ""; } };
themed(kept());
button.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length];
  try { localStorage.setItem("theme", next); } catch { /* it holds for this page */ }
  themed(next);
});

ask("session").then((session) => {
  document.getElementById("who").textContent = `${session.user ? `${session.user} at ` : ""}node ${session.node}, ${session.version}`;
}, () => {});
show(false);
