// Dialogs: what is to be filled in, and what is asked before something goes.

import { change } from "./api.js";
import { field, h, say, wrong } from "./dom.js";

// Asks and does; answers whether it was done. `fields` are [label, input]; `names` is what goes.
export const ask_and_do = (title, { text, fields = [], names = [], type_name, button, danger = false, path, what, then, done }) =>
  new Promise((settle) => {
    const dialog = document.getElementById("dialog");
    const problem = h("div");
    const typed = type_name ? h("input", { autocomplete: "off", spellcheck: "false" }) : null;
    const go = h("button", { class: danger ? "danger" : "main", disabled: Boolean(type_name) }, button);
    typed?.addEventListener("input", () => { go.disabled = typed.value !== type_name; });
    let is_done = false;
    const form = h("form", {},
      h("h2", { id: "dialog-title" }, title),
      text ? h("p", {}, text) : "",
      names.length ? h("ul", {}, ...names.map((name) => h("li", {}, name))) : "",
      ...fields.map(([label, input]) => (label ? field(label, input) : input)),
      typed ? field(`Type ${type_name} to go on`, typed) : "",
      problem,
      h("div", { class: "row" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      problem.replaceChildren();
      try {
        const answer = await change(path, what(form));
        is_done = true;
        dialog.close();
        say(typeof done === "function" ? done(answer) : done || "Done.");
        then?.(answer);
      } catch (error) { problem.replaceChildren(wrong(error)); go.disabled = false; }
    });
    dialog.addEventListener("close", () => settle(is_done), { once: true });
    dialog.replaceChildren(form);
    dialog.showModal();
  });

export const action = (text, run, danger = false) => h("button", { type: "button", class: danger ? "danger" : null, onclick: run }, text);
