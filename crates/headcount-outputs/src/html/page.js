"use strict";
(() => {
  // What came from the network is in here as data, and goes into the page as text only.
  const { table, rows } = JSON.parse(document.getElementById("data").textContent);
  const { columns, more_columns: moreColumns, tones, are_chosen: areChosen, accepted_from: acceptedFrom } = table;
  if (rows.length === 0) return;
  const pageSize = 100;
  const byId = (id) => document.getElementById(id);
  const head = byId("head"), body = byId("body"), count = byId("count"), search = byId("search");
  const choice = byId("choice"), chips = byId("chips"), sort = byId("sort");
  const pagers = [...document.querySelectorAll(".pager")];
  const places = columns.map((_, place) => place);
  const inTable = places.filter((place) => columns[place].type !== "hidden");
  const badge = columns.findIndex((column) => column.type === "badge");
  const redirected = columns.findIndex((column) => column.label === "Redirected to");
  const thousands = new Intl.NumberFormat("en");

  // Rows by their numbers, as they are filtered and sorted.
  let shown = [];
  let page = 0;
  let sorted = null;
  let descending = false;
  let haystack = null;
  let more = null;

  // Groups of results that people think in, each of which says of a row's number whether it is one of them.
  const endOf = (number) => rows[number][badge];
  const isAccepted = (number) => acceptedFrom !== null && number >= acceptedFrom;
  const isStatus = (end, first) => end.length === 3 && end[0] === first;
  const groups = new Map();
  if (acceptedFrom !== null) {
    groups.set("not accepted", (number) => !isAccepted(number));
    groups.set("failed", (number) => endOf(number).includes("/") && tones[endOf(number)] === "bad");
    groups.set("4xx", (number) => isStatus(endOf(number), "4"));
    groups.set("5xx", (number) => isStatus(endOf(number), "5"));
    if (redirected >= 0) groups.set("redirected", (number) => !isNone(rows[number][redirected]));
    groups.set("accepted", isAccepted);
  }

  const isNone = (value) => value === null || value === undefined || value === "";

  const timeText = (seconds) => {
    if (seconds < 0.01) return (seconds * 1e3).toFixed(1) + " ms";
    return seconds < 0.9995 ? (seconds * 1e3).toFixed(0) + " ms" : seconds.toFixed(2) + " s";
  };

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };

  // An address that was cut would lead elsewhere.
  const link = (text) => {
    if (!/^https?:\/\//i.test(text) || text.endsWith("…")) return element("span", "", text);
    const made = element("a", "", text);
    made.href = text;
    made.rel = "noopener noreferrer";
    return made;
  };

  // Words such as headers/too_large, within which a line may break.
  const breakable = (text) => {
    const parts = text.match(/[^/_]+[/_]*|[/_]+/g) ?? [];
    return element("span", "", ...parts.flatMap((part, place) => (place ? [element("wbr"), part] : [part])));
  };

  const drawn = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
  };

  // Times in microseconds as shares of a bar, with its legend.
  const parts = (names, times) => {
    const total = times.reduce((sum, part) => sum + part, 0) || 1;
    const bar = drawn("svg", { class: "bar", height: 10, "aria-hidden": "true" });
    const legend = element("ul", "legend");
    let left = 0;
    times.forEach((part, number) => {
      const width = (100 * part) / total;
      bar.append(drawn("rect", { class: "f-p" + number, x: left + "%", width: width + "%", height: 10 }));
      const key = element("span", "key k-p" + number);
      legend.append(element("li", "", key, names[number] + " ", element("b", "", timeText(part / 1e6))));
      left += width;
    });
    return element("div", "", bar, legend);
  };

  const content = (column, value) => {
    switch (column.type) {
      case "badge":
      case "short":
        return breakable(value);
      case "link":
      case "hidden":
        return link(value);
      case "time":
        return timeText(value);
      case "parts":
        return parts(column.parts, value);
      default:
        return String(value);
    }
  };

  const cell = (place, number) => {
    const column = columns[place], row = rows[number], value = row[place];
    const made = element("td", "c-" + column.type);
    if (areChosen) made.dataset.label = column.label;
    if (column.type === "number" || column.type === "time") {
      made.classList.add("num");
      if (!isNone(value)) made.append(content(column, value));
    } else if (column.type === "badge") {
      made.classList.add("badge", isAccepted(number) ? "good" : tones[value] || "quiet");
      const opener = element("button", "opener", content(column, value));
      opener.type = "button";
      opener.title = "Show all of it";
      opener.setAttribute("aria-expanded", "false");
      made.append(opener);
    } else {
      made.classList.add("text");
      if (!isNone(value)) made.append(element("span", "clip", content(column, value)));
      const below = column.below && row[column.below.column];
      if (below) made.append(element("span", "below clip", column.below.mark + below));
    }
    return made;
  };

  // What the table has no room for is read when it is asked for.
  const moreOf = (number) => {
    more ??= byId("more").textContent.split("\n");
    return JSON.parse(more[number]);
  };

  // All that is known of a row, in a line of its own, but for what the row shows as well.
  const record = (number) => {
    const list = element("dl", "record");
    const add = (columns, values) => {
      columns.forEach((column, place) => {
        const value = values[place];
        if (!isNone(value)) list.append(element("dt", "", column.label), element("dd", "", content(column, value)));
      });
    };
    const cut = places.filter((place) => areChosen || !["number", "time", "badge", "word"].includes(columns[place].type));
    add(cut.map((place) => columns[place]), cut.map((place) => rows[number][place]));
    if (moreColumns.length) add(moreColumns, moreOf(number));
    const made = element("td", "", list);
    made.colSpan = inTable.length;
    return element("tr", "opened", made);
  };

  const toggle = (line) => {
    const opener = line.querySelector(".opener");
    const isOpen = opener.getAttribute("aria-expanded") === "true";
    opener.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) line.nextElementSibling.remove();
    else line.after(record(Number(line.dataset.number)));
  };

  const emptyLine = () => {
    const everything = element("button", "", "Show all");
    everything.type = "button";
    everything.addEventListener("click", () => {
      search.value = choice.value = "";
      update();
      search.focus();
    });
    const made = element("td", "empty", "No row is like this. ", everything);
    made.colSpan = inTable.length;
    return element("tr", "", made);
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / pageSize));
    page = Math.min(Math.max(page, 0), pages - 1);
    const start = page * pageSize;
    const lines = shown.slice(start, start + pageSize).map((number) => {
      const line = element("tr", "line", ...inTable.map((place) => cell(place, number)));
      line.dataset.number = number;
      return line;
    });
    body.replaceChildren(...(lines.length ? lines : [emptyLine()]));
    const all = shown.length === rows.length ? "" : " of " + thousands.format(rows.length);
    count.textContent = thousands.format(shown.length) + all + (rows.length === 1 ? " row" : " rows");
    for (const pager of pagers) {
      pager.hidden = pages === 1;
      pager.querySelector(".place").textContent = "Page " + thousands.format(page + 1) + " of " + thousands.format(pages);
      for (const name of [".first", ".previous"]) pager.querySelector(name).disabled = page === 0;
      for (const name of [".next", ".last"]) pager.querySelector(name).disabled = page === pages - 1;
    }
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = choice.value;
    const isWanted = wanted === "" ? () => true : (groups.get(wanted) ?? ((number) => endOf(number) === wanted));
    if (words.length && haystack === null) {
      const texts = places.filter((place) => !["number", "time"].includes(columns[place].type));
      haystack = rows.map((row) => texts.map((place) => row[place]).join("\n").toLowerCase());
    }
    shown = [];
    for (let number = 0; number < rows.length; number++) {
      if (isWanted(number) && words.every((word) => haystack[number].includes(word))) shown.push(number);
    }
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.value === wanted));
  };

  const order = () => {
    const key = sorted === null ? "" : (descending ? "-" : "") + columns[sorted].label;
    sort.value = key;
    for (const other of head.children) other.removeAttribute("aria-sort");
    if (sorted === null) return;
    head.children[inTable.indexOf(sorted)].setAttribute("aria-sort", descending ? "descending" : "ascending");
    const sign = descending ? -1 : 1;
    const keys = rows.map((row) => row[sorted]);
    shown.sort((one, other) => {
      const a = keys[one], b = keys[other];
      if (a === b) return one - other;
      // What is not there stands at the end, whichever way it is sorted.
      if (isNone(a)) return 1;
      if (isNone(b)) return -1;
      return a < b ? -sign : sign;
    });
  };

  // The fragment of the page's address says what the table shows, so that it can be sent around.
  const remember = () => {
    const state = new URLSearchParams();
    if (search.value) state.set("search", search.value);
    if (choice.value) state.set("result", choice.value);
    if (sort.value) state.set("sort", sort.value);
    if (page > 0) state.set("page", page + 1);
    try {
      history.replaceState(null, "", "#" + state);
    } catch {
      // Within another page, it has no address of its own.
    }
  };

  const arrange = () => {
    filter();
    order();
    draw();
  };

  const update = () => {
    page = 0;
    arrange();
    remember();
  };

  const addOption = (list, value, text) => {
    const option = element("option", "", text);
    option.value = value;
    list.append(option);
  };

  const sortBy = (key) => {
    const label = key.replace(/^-/, "");
    const place = inTable.find((place) => columns[place].label === label);
    sorted = place === undefined ? null : place;
    descending = key.startsWith("-");
  };

  const restore = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    const wanted = state.get("result") ?? "";
    search.value = state.get("search") ?? "";
    choice.value = wanted;
    // The table may not have room for any of those.
    if (choice.selectedIndex < 0) {
      addOption(choice, wanted, wanted + " (0)");
      choice.value = wanted;
    }
    sortBy(state.get("sort") ?? "");
    page = Number(state.get("page") ?? 1) - 1 || 0;
    arrange();
  };

  // The first click sorts, the second the other way, the third not at all.
  for (const place of inTable) {
    const { label, type } = columns[place];
    const button = element("button", "", label);
    button.type = "button";
    const directions = type === "time" ? ["-", ""] : ["", "-"];
    button.addEventListener("click", () => {
      const keys = [...directions.map((direction) => direction + label), ""];
      sortBy(keys[(keys.indexOf(sort.value) + 1) % keys.length]);
      update();
    });
    const made = element("th", "c-" + type, button);
    if (type === "number" || type === "time") made.classList.add("num");
    made.scope = "col";
    head.append(made);
    for (const direction of directions) addOption(sort, direction + label, label + (direction ? " ↓" : " ↑"));
  }

  const addChip = (value, text, number) => {
    const chip = element("button", "", text + " ", element("b", "", thousands.format(number)));
    chip.type = "button";
    chip.value = value;
    chip.addEventListener("click", () => {
      choice.value = choice.value === value ? "" : value;
      update();
    });
    chips.append(chip);
  };

  const capital = (text) => text[0].toUpperCase() + text.slice(1);

  const addChoices = () => {
    const counts = new Map();
    for (const row of rows) counts.set(row[badge], (counts.get(row[badge]) ?? 0) + 1);
    const ends = [...counts];
    const numbers = rows.map((_, number) => number);
    const inGroups = [...groups].map(([name, isIn]) => [name, numbers.filter(isIn).length]).filter(([, number]) => number);
    chips.hidden = counts.size === 1;
    addChip("", "All", rows.length);
    // Where there are no groups, there are few ends, and they come in an order that says something.
    for (const [name, number] of groups.size ? inGroups : ends) addChip(name, capital(name), number);
    ends.sort((one, other) => other[1] - one[1]);
    byId("choice-label").hidden = groups.size === 0;
    for (const [label, list] of [["Groups", inGroups], ["One by one", ends]]) {
      if (list.length === 0) continue;
      const options = element("optgroup");
      options.label = label;
      for (const [word, number] of list) addOption(options, word, word + " (" + thousands.format(number) + ")");
      choice.append(options);
    }
  };

  const go = (pager, name, to) => {
    page = to;
    draw();
    remember();
    // Whoever has read to the end of a page goes on at the start of the next.
    if (pager !== pagers[0]) {
      byId("above").scrollIntoView();
      const button = pagers[0].querySelector(name + ":not(:disabled)") ?? pagers[0].querySelector("button:not(:disabled)");
      button.focus({ preventScroll: true });
    }
  };
  for (const pager of pagers) {
    const on = (name, to) => pager.querySelector(name).addEventListener("click", () => go(pager, name, to()));
    on(".first", () => 0);
    on(".previous", () => page - 1);
    on(".next", () => page + 1);
    on(".last", () => Infinity);
  }

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(update, rows.length > 20000 ? 150 : 0);
  });
  choice.addEventListener("change", update);
  sort.addEventListener("change", () => {
    sortBy(sort.value);
    update();
  });
  body.addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    // Who selects text or follows a link wants nothing opened.
    if (line && !event.target.closest("a") && getSelection().isCollapsed) toggle(line);
  });
  // Links of the page's upper part say by their fragments what the table should show.
  addEventListener("hashchange", restore);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[href^='#']")) return;
    byId("records").scrollIntoView();
    byId("records-heading").focus({ preventScroll: true });
  });

  if (areChosen) byId("rows").classList.add("chosen");
  if (inTable.length > 7) {
    const sheet = byId("sheet");
    sheet.className = "wide";
    sheet.tabIndex = 0;
    sheet.setAttribute("role", "region");
    sheet.setAttribute("aria-label", "The table, which scrolls sideways");
    byId("rows").style.minWidth = inTable.length * 160 + "px";
  }
  addChoices();
  byId("records").hidden = false;
  restore();
})();
