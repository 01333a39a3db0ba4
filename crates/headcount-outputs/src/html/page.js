"use strict";
(() => {
  // What came from the network is in here as data, and goes into the page as text only.
  const data = JSON.parse(document.getElementById("data").textContent);
  const { columns, rows, tones } = data;
  if (rows.length === 0) return;
  const pageSize = 100;
  const byId = (id) => document.getElementById(id);
  const head = byId("head"), body = byId("body"), count = byId("count"), search = byId("search"), choice = byId("choice");
  const first = byId("first"), previous = byId("previous"), next = byId("next"), last = byId("last"), place = byId("place");
  const badge = columns.findIndex((column) => column.type === "badge");
  // The user's own choice of fields, which may be many.
  const isChosen = !columns.some((column) => column.type === "hidden" || column.type === "short");
  const thousands = new Intl.NumberFormat("en");
  let shown = rows.map((_, row) => row);
  let page = 0;
  let sorted = null;
  let descending = false;
  let haystack = null;

  const timeText = (seconds) => {
    if (seconds < 0.01) return (seconds * 1e3).toFixed(1) + " ms";
    return seconds < 0.9995 ? (seconds * 1e3).toFixed(0) + " ms" : seconds.toFixed(2) + " s";
  };

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const link = (text) => {
    if (!/^https?:\/\//i.test(text)) return element("span", "clip", text);
    const made = element("a", "clip", text);
    made.href = text;
    made.rel = "noopener noreferrer";
    return made;
  };

  const cell = (column, row, value) => {
    const made = element("td", "c-" + column.type);
    if (isChosen) made.dataset.label = column.label;
    const none = value === null || value === undefined || value === "";
    if (column.type === "number") {
      made.classList.add("num");
      made.textContent = none ? "" : String(value);
    } else if (column.type === "time") {
      made.classList.add("num");
      made.textContent = none ? "" : timeText(value);
    } else if (column.type === "badge") {
      made.classList.add("badge", tones[value] || "quiet");
      // A phase and a kind, between which a line may break.
      if (!none) value.split("/").forEach((part, place) => made.append(...(place ? ["/", element("wbr"), part] : [part])));
    } else {
      made.classList.add("text");
      if (column.type === "text") made.classList.add("detail");
      if (!none) made.append(column.type === "link" ? link(value) : element("span", "clip", value));
      const below = column.below === undefined ? null : row[column.below];
      if (below) made.append(element("span", "below clip", "→ " + below));
    }
    return made;
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / pageSize));
    page = Math.min(Math.max(page, 0), pages - 1);
    const start = page * pageSize;
    const lines = shown.slice(start, start + pageSize).map((number) => {
      const line = element("tr");
      columns.forEach((column, place) => {
        if (column.type !== "hidden") line.append(cell(column, rows[number], rows[number][place]));
      });
      return line;
    });
    body.replaceChildren(...lines);
    const all = shown.length === rows.length ? "" : " of " + thousands.format(rows.length);
    count.textContent = thousands.format(shown.length) + all + (rows.length === 1 ? " row" : " rows");
    place.textContent = "Page " + thousands.format(page + 1) + " of " + thousands.format(pages);
    first.disabled = previous.disabled = page === 0;
    next.disabled = last.disabled = page === pages - 1;
  };

  const order = () => {
    if (sorted === null) return;
    const sign = descending ? -1 : 1;
    const keys = rows.map((row) => row[sorted]);
    shown.sort((one, other) => {
      const a = keys[one], b = keys[other];
      if (a === b) return one - other;
      // What is not there stands at the end, whichever way it is sorted.
      if (a === null || a === "") return 1;
      if (b === null || b === "") return -1;
      return a < b ? -sign : sign;
    });
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = choice.value;
    if (words.length && haystack === null) {
      const texts = columns.map((column, place) => (column.type === "time" ? -1 : place)).filter((place) => place >= 0);
      haystack = rows.map((row) => texts.map((place) => row[place]).join("\n").toLowerCase());
    }
    shown = [];
    rows.forEach((row, number) => {
      if (wanted && row[badge] !== wanted) return;
      if (words.every((word) => haystack[number].includes(word))) shown.push(number);
    });
    order();
    page = 0;
    draw();
  };

  columns.forEach((column, place) => {
    if (column.type === "hidden") return;
    const made = element("th", "c-" + column.type);
    if (column.type === "number" || column.type === "time") made.classList.add("num");
    made.scope = "col";
    const button = element("button", "", column.label);
    button.type = "button";
    button.addEventListener("click", () => {
      descending = sorted === place ? !descending : column.type === "time";
      sorted = place;
      for (const other of head.children) other.removeAttribute("aria-sort");
      made.setAttribute("aria-sort", descending ? "descending" : "ascending");
      order();
      page = 0;
      draw();
    });
    made.append(button);
    head.append(made);
  });

  const counts = new Map();
  for (const row of rows) counts.set(row[badge], (counts.get(row[badge]) || 0) + 1);
  for (const [word, number] of [...counts].sort((one, other) => other[1] - one[1])) {
    const option = element("option", "", word + " (" + thousands.format(number) + ")");
    option.value = word;
    choice.append(option);
  }

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, rows.length > 20000 ? 150 : 0);
  });
  choice.addEventListener("change", filter);
  const go = (to) => { page = to; draw(); };
  first.addEventListener("click", () => go(0));
  previous.addEventListener("click", () => go(page - 1));
  next.addEventListener("click", () => go(page + 1));
  last.addEventListener("click", () => go(Infinity));
  if (isChosen) byId("rows").classList.add("chosen");
  if (columns.length > 7) {
    const sheet = byId("sheet");
    sheet.className = "wide";
    sheet.tabIndex = 0;
    sheet.setAttribute("role", "region");
    sheet.setAttribute("aria-labelledby", "records-heading");
    byId("rows").style.minWidth = columns.length * 160 + "px";
  }
  byId("records").hidden = false;
  draw();
})();
