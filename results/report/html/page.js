"use strict";
// Draws the page from its data. Foreign text becomes text nodes and attributes, never markup.
(function () {
const data = JSON.parse(document.getElementById("data").textContent);
const kRowsAtFirst = 100;

/// An element with attributes and children: texts, elements, or lists of them; null is left out.
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

// --- Tables ------------------------------------------------------------------------------------

/// The value of a row in a column, see page_table.h.
function value_at(column, row) {
  if ("same" in column) return column.same;
  if ("distinct" in column) return column.distinct[column.at[row]];
  return column.values[row];
}

function is_number(column, table) {
  for (let row = 0; row < table.num_rows; ++row) {
    const value = value_at(column, row);
    if (value !== null) return typeof value === "number";
  }
  return false;
}

/// Decimals of all of a column's numbers: none where they are whole.
function decimals_of(column) {
  if (!("places" in column)) {
    const values = column.values || column.distinct || [column.same];
    const whole = values.every(value => typeof value !== "number" || Number.isInteger(value));
    column.places = whole ? 0 : column.decimals;
  }
  return column.places;
}

function text_of(column, value) {
  if (value === null) return "";
  if (typeof value !== "number") return value;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: decimals_of(column), maximumFractionDigits: decimals_of(column) });
}

/// RFC 4180, all columns, numbers as they are in the data. A text that a spreadsheet would run as a
/// formula gets a leading apostrophe.
function csv_of(table) {
  const field = value => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : value;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const lines = [table.columns.map(column => field(column.key)).join(",")];
  for (let row = 0; row < table.num_rows; ++row) {
    lines.push(table.columns.map(column => field(value_at(column, row))).join(","));
  }
  return lines.join("\r\n") + "\r\n";
}

function download_button(table) {
  const button = make("button", { type: "button", "data-csv": table.name },
    "Download CSV", make("span", { class: "hidden" }, " of " + table.title));
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([csv_of(table)], { type: "text/csv" }));
    make("a", { href: url, download: table.name + ".csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
  return button;
}

/// Absent values last, whatever the direction.
function sorted_rows(table, column, descending) {
  const rows = Array.from({ length: table.num_rows }, (_, row) => row);
  if (column === null) return rows;
  const collator = new Intl.Collator("en", { numeric: true });
  return rows.sort((a, b) => {
    const x = value_at(column, a), y = value_at(column, b);
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    const order = typeof x === "number" && typeof y === "number"
      ? x - y : collator.compare(String(x), String(y));
    return (descending ? -order : order) || a - b;
  });
}

const kCode = new Set(["pattern", "command", "canonical_json"]);
const kStates = new Set(["outcome", "state", "incorrect", "failed", "verdict"]);

function cell_of(column, value, first) {
  const number = typeof value === "number";
  const bad = kStates.has(column.key) &&
    (number ? value > 0 : value !== null && /^(incorrect|failed|REGRESSION)/.test(value));
  const classes = [number ? "number" : "", kCode.has(column.key) ? "code" : "", "of-" + column.key, bad ? "wrong" : ""];
  return make(first ? "th" : "td",
    { class: classes.filter(name => name).join(" "), scope: first ? "row" : null },
    text_of(column, value));
}

/// A table whose headings sort it, with its notes and its CSV.
function table_element(table, with_download = true) {
  const shown = table.columns.filter(column => column.shown);
  const body = make("tbody");
  const status = make("p", { class: "hidden", role: "status" });
  let sorted_by = null, descending = false, limit = kRowsAtFirst;
  const more = make("button", { type: "button", "data-more": table.name },
    `Show all ${table.num_rows.toLocaleString("en-US")} rows`);
  const fill = () => {
    const rows = sorted_rows(table, sorted_by, descending).slice(0, limit);
    body.replaceChildren(...rows.map(row => make("tr", {},
      shown.map((column, i) => cell_of(column, value_at(column, row), i === 0)))));
    more.hidden = table.num_rows <= limit;
  };
  more.addEventListener("click", () => { limit = table.num_rows; fill(); });
  const heads = shown.map(column => {
    const unit = column.unit ? ", " + column.unit : "";
    const button = make("button", { type: "button" }, column.heading + unit);
    const head = make("th", { scope: "col", "data-key": column.key,
      class: is_number(column, table) ? "number" : null }, button);
    button.addEventListener("click", () => {
      descending = sorted_by === column && !descending;
      sorted_by = column;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      fill();
      status.textContent =
        `Sorted by ${column.heading}, ${descending ? "descending" : "ascending"}`;
    });
    return head;
  });
  fill();
  // What all rows share stands once above them.
  const shared = table.columns.filter(column => !column.shown && column.same && table.num_rows > 1
    && ["model", "device", "dtype", "suite", "indexer_mode", "picks"].includes(column.key));
  return make("div", { class: "data" },
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.title },
      make("table", { "data-table": table.name },
        make("caption", {}, table.title, shared.length === 0 ? null :
          " (" + shared.map(column => column.heading + " " + column.same).join(", ") + ")"),
        make("thead", {}, make("tr", {}, heads)), body)),
    status,
    make("div", { class: "tools" }, more, with_download ? download_button(table) : null),
    table.notes.length === 0 ? null
      : make("ul", { class: "notes" }, table.notes.map(note => make("li", {}, note))));
}

// --- Figures -----------------------------------------------------------------------------------

const vega_util = dsabench_modules["vega-util"];
Object.assign(dsabench_modules["vega-dataflow"].transforms, dsabench_modules["vega-transforms"],
  dsabench_modules["vega-encode"], dsabench_modules["vega-view-transforms"]);

const kFont = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';
const kConfig = {
  background: null,
  axis: {
    labelColor: "var(--quiet)", titleColor: "var(--quiet)", titleFontWeight: "normal",
    domainColor: "var(--line)", tickColor: "var(--line)", gridColor: "var(--line)",
    gridOpacity: 0.6, labelFont: kFont, titleFont: kFont, labelFontSize: 11, titleFontSize: 12,
    titlePadding: 8,
  },
  text: { font: kFont, fontSize: 11 },
  group: { stroke: null },
};

/// The rows of a panel as objects.
function rows_of(table, panel) {
  const wanted = new Set(panel.rows);
  const by = table.columns.find(column => column.key === "panel");
  const rows = [];
  for (let row = 0; row < table.num_rows; ++row) {
    if (!wanted.has(value_at(by, row))) continue;
    rows.push(Object.fromEntries(
      table.columns.map(column => [column.key, value_at(column, row)])));
  }
  return rows;
}

function draw(container, spec, rows) {
  const whole = structuredClone(spec);
  whole.data[0].values = rows;
  // Expressions are interpreted: the page's policy lets nothing be compiled from text.
  const view = new (dsabench_modules["vega-view"].View)(
    dsabench_modules["vega-parser"].parse(whole, kConfig, { ast: true }),
    { expr: dsabench_modules["vega-interpreter"].expressionInterpreter, renderer: "svg",
      logLevel: vega_util.Warn });
  // Vega gives what it draws into a role of its own. The text beside it says more than its parts
  // would, read one by one.
  const inner = make("div", { "aria-hidden": "true" });
  container.append(inner);
  view.initialize(inner).run();
}

const kSvg = "http://www.w3.org/2000/svg";
const kShapes = {
  circle: "M5,0A5,5,0,1,1,-5,0A5,5,0,1,1,5,0Z", square: "M-4.5,-4.5H4.5V4.5H-4.5Z",
  "triangle-up": "M0,-5L5,4.5H-5Z", "triangle-down": "M0,5L5,-4.5H-5Z",
  "triangle-right": "M5,0L-4.5,-5V5Z", "triangle-left": "M-5,0L4.5,-5V5Z",
  diamond: "M0,-6L5,0L0,6L-5,0Z", cross: "M-5,-2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z",
  area: "M-8,-6H8V6H-8Z",
};

function legend_entry(entry) {
  const svg = document.createElementNS(kSvg, "svg");
  const set = (element, attributes) => {
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  set(svg, { width: 26, height: 14, viewBox: "-13 -7 26 14", "aria-hidden": "true" });
  if (entry.shape !== "area" && !(entry.hollow && !entry.dashed)) {
    svg.append(set(document.createElementNS(kSvg, "path"), { d: "M-13,0H13", "stroke-width": 2,
      stroke: entry.colour, "stroke-dasharray": entry.dashed ? "5 4" : "none" }));
  }
  if (entry.shape in kShapes) {
    svg.append(set(document.createElementNS(kSvg, "path"), { d: kShapes[entry.shape],
      fill: entry.hollow ? "var(--paper)" : entry.colour, stroke: entry.colour,
      "stroke-width": entry.shape === "area" ? 0 : 1.5 }));
  }
  return make("li", {}, svg, entry.label);
}

function commands_element(commands) {
  return make("details", {}, make("summary", {}, "Commands that reproduce it"),
    make("p", {}, commands.length === 0 ? "Report on the same database:"
      : "Measure (each of these made a run that this shows), then report:"),
    [...commands, data.command_line].map(command => make("pre", {}, command)));
}

function figure_section(figure) {
  const heading = make("h2", { id: figure.id }, figure.title);
  if ("missing" in figure) {
    return make("section", { "aria-labelledby": figure.id, "data-missing": figure.id }, heading,
      make("p", {}, "Not drawn. " + figure.missing + "."));
  }
  const panels = figure.panels.map((panel, i) => {
    const plot = make("div", { class: "plot", role: "img",
      "aria-label": `${figure.title}: ${panel.title}. The table below has the data.`,
      "data-panel": `${figure.id}-${i}` });
    return { plot, panel, element: make("div", { class: "panel" },
      make("h3", {}, panel.title), plot) };
  });
  const section = make("section", { "aria-labelledby": figure.id, "data-figure": figure.id },
    heading,
    make("figure", {},
      make("figcaption", {}, make("p", {}, figure.text)),
      figure.legend.length === 0 ? null
        : make("ul", { class: "legend", "aria-label": "Legend" }, figure.legend.map(legend_entry)),
      make("div", { class: "panels" }, panels.map(panel => panel.element))),
    make("div", { class: "foot" },
      make("details", { class: "figure-data" },
        make("summary", {}, "Data of this figure"), table_element(figure.table, false)),
      commands_element(figure.commands), download_button(figure.table)));
  return { section, draw: () => {
    for (const { plot, panel } of panels) draw(plot, panel.spec, rows_of(figure.table, panel));
  } };
}

// --- Page --------------------------------------------------------------------------------------

const prefers_dark = matchMedia("(prefers-color-scheme: dark)");
let chosen_theme = null;
function apply_theme(button) {
  const dark = chosen_theme === null ? prefers_dark.matches : chosen_theme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  button.setAttribute("aria-pressed", String(dark));
}

function build() {
  const theme = make("button", { type: "button", id: "theme" }, "Dark");
  theme.addEventListener("click", () => {
    chosen_theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    apply_theme(theme);
  });
  prefers_dark.addEventListener("change", () => apply_theme(theme));
  apply_theme(theme);

  const figures = data.figures.map(figure_section);
  const runs_heading = make("h2", { id: "runs" }, "Summary");
  const tables_heading = make("h2", { id: "tables" }, "Tables");
  const link = (id, text) => make("li", {}, make("a", { href: "#" + id }, text));
  const num_cells = key => data.runs.columns.find(column => column.key === key);
  const total = key => {
    let sum = 0;
    for (let row = 0; row < data.runs.num_rows; ++row) sum += value_at(num_cells(key), row) || 0;
    return sum;
  };
  const page = document.getElementById("page");
  page.append(
    make("a", { class: "skip", href: "#runs" }, "Skip to the summary"),
    make("header", {},
      make("div", {}, make("h1", {}, "dsabench report"),
        make("p", {}, `${data.database}, made ${data.made} UTC by dsabench ${data.tool_version}`)),
      theme),
    make("nav", { "aria-label": "Contents" }, make("ul", {}, link("runs", "Summary"),
      data.figures.map(figure => link(figure.id, figure.title)),
      data.tables.length === 0 ? null : link("tables", "Tables"))),
    make("section", { "aria-labelledby": "runs" }, runs_heading,
      make("p", {}, `${total("cells")} cells: ${total("ok")} verified, ${total("incorrect")} ` +
        `incorrect, ${total("failed")} failed, ${total("discarded")} discarded, ` +
        `${total("unfinished")} not finished. Numbers on this page have six significant ` +
        "digits; the database has every sample."),
      table_element(data.runs)),
    ...figures.map(figure => figure.section || figure));
  if (data.tables.length > 0) {
    page.append(make("section", { "aria-labelledby": "tables" }, tables_heading,
      data.tables.map(table => table_element(table))));
  }
  // After they are part of the page: text is measured with the page's fonts.
  for (const figure of figures) if (figure.draw) figure.draw();
  document.documentElement.dataset.ready = "yes";
}
build();
})();
