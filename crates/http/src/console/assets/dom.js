// Elements. What comes from the cluster is only ever set as text: no record, name or header becomes markup.

export const h = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.flat().map((child) => (child instanceof Node ? child : String(child ?? "–"))));
  return made;
};

export const link = (address, text, current = false) =>
  h("a", { href: address, "aria-current": current ? "page" : null }, text);

export const number = (value) => (value == null ? "–" : Number(value).toLocaleString("en"));

export const size = (bytes) => {
  if (bytes == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${unit ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
};

export const time = (ms) => (ms == null || ms < 0 ? "–" : new Date(Number(ms)).toISOString().replace("T", " ").replace("Z", ""));

export const state = (is_good, text) => h("span", { class: is_good ? "good" : "bad" }, text);

// A head that begins with # has numbers below it.
export const table = (heads, rows, nothing = "Nothing.") => {
  if (!rows.length) return h("p", { class: "muted" }, nothing);
  const numeric = heads.map((head) => head.startsWith("#"));
  const cell = (content, at) => h("td", numeric[at] ? { class: "number" } : {}, content);
  const head = heads.map((text, at) => h("th", { scope: "col", class: numeric[at] ? "number" : null }, text.replace("#", "")));
  const body = rows.map((row) => (row instanceof Node ? row : h("tr", {}, ...row.map(cell))));
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)));
};

export const facts = (pairs) =>
  h("dl", { class: "facts" }, ...pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

export const field = (label, input) => h("label", {}, label, input);

export const choice = (name, options, value) => {
  const select = h("select", { name }, ...options.map(([key, text]) => h("option", { value: key }, text)));
  if (value != null) select.value = value;
  return select;
};

export const wrong = (error) => h("div", { class: "wrong", role: "alert" }, h("strong", {}, error.name || "Error"), ": ", error.message);

export const say = (text) => {
  const place = document.getElementById("said");
  place.textContent = text;
  setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, 5000);
};

// Many rows, a page of them at a time, with a filter and an order; both are in the page's address.
export const PAGE_ROWS = 100;
export const long_table = (heads, rows, { text, cells, keys }) => {
  const parameters = new URLSearchParams(location.search);
  const place = h("div");
  const filter = h("input", { type: "search", name: "q", value: parameters.get("q") || "", placeholder: "part of the name" });
  let page = Number(parameters.get("page") || 0);
  let [order, down] = [Number(parameters.get("by") || 0), parameters.get("down") === "1"];
  // What is looked for and the order are made once, not with each letter that is typed.
  const known = rows.map((row) => [text(row).toLowerCase(), row]);
  const sort = () => {
    const key = keys[order];
    if (key) known.sort(([, a], [, b]) => { const [x, y] = [key(a), key(b)]; return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
  };
  sort();
  const show = () => {
    const wanted = filter.value.toLowerCase();
    const found = known.filter(([name]) => name.includes(wanted)).map(([, row]) => row);
    const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    page = Math.min(page, pages - 1);
    const shown = table(heads, found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map(cells), "Nothing has that name.");
    shown.querySelectorAll("th").forEach((head, at) => {
      if (!keys[at]) return;
      const mark = at === order ? (down ? " ↓" : " ↑") : "";
      head.setAttribute("aria-sort", at === order ? (down ? "descending" : "ascending") : "none");
      const turn = () => { down = at === order ? !down : false; order = at; sort(); show(); place.querySelectorAll("th button")[at]?.focus(); };
      head.replaceChildren(h("button", { type: "button", onclick: turn }, head.textContent + mark));
    });
    const to = (next) => () => { page = next; show(); };
    place.replaceChildren(
      shown,
      h("p", { class: "row" },
        h("span", { class: "muted" }, `${number(found.length)} of ${number(rows.length)}`),
        ...(pages > 1 ? [
          h("button", { type: "button", disabled: page === 0, onclick: to(page - 1) }, "Before"),
          h("span", { class: "muted" }, `page ${page + 1} of ${pages}`),
          h("button", { type: "button", disabled: page === pages - 1, onclick: to(page + 1) }, "Next"),
        ] : [])),
    );
    const now = new URLSearchParams(location.search);
    const set = (name, value) => (value ? now.set(name, value) : now.delete(name));
    set("q", filter.value); set("page", page || ""); set("by", order || ""); set("down", down ? "1" : "");
    history.replaceState(null, "", location.pathname + (now.size ? `?${now}` : ""));
  };
  filter.addEventListener("input", () => { page = 0; show(); });
  show();
  return [h("div", { class: "row" }, field("Filter", filter)), place];
};
