/* Three things that a page does by itself, so that the pointer never waits for the kernel:
 *
 * - a picture whose cells can be pointed at: mouse, finger, arrow keys, wheel;
 * - a board of cells that can be painted;
 * - a button that takes a picture with the machine's camera.
 *
 * Python draws the pictures, says where their cells are (see pointing.py), and is told the newest
 * place or drawing. Everything is an element of its own here: no library, no build, no network.
 * A page without a kernel takes `grid` and `board` for its own (see site/player.js).
 */

export const SVG = "http://www.w3.org/2000/svg";
const CLOSE = 1e-6; // a pointer on the last edge is still on the last cell

export default {
  render: (view) => {
    if (view.model.get("colours")) return board(view);
    return view.model.get("label") ? camera(view) : picture(view);
  },
};

// --- What both need ------------------------------------------------------------------------------

/* An element with attributes, put at the end of its parent. */
export function add(parent, name, attributes = {}, space = null) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

/* A sender for one trait. While Python answers, of all that follows only the newest is kept. */
function courier(model, trait) {
  let waiting = null;
  const number = () => model.get(trait).number ?? 0;
  const send = (value) => {
    model.set(trait, { ...value, number: number() + 1 });
    model.save_changes();
  };
  model.on("change:answered", () => {
    if (waiting === null || model.get("answered") < number()) return;
    const next = waiting;
    waiting = null;
    send(next);
  });
  return (value) => (model.get("answered") < number() ? (waiting = value) : send(value));
}

/* The cell, [row, column], in which an event's point lies; the nearest one outside. */
function cellAt(event, area, rows, columns) {
  const box = area.getBoundingClientRect();
  const inside = (share, count) =>
    Math.floor(Math.min(Math.max(share, 0), 1 - CLOSE) * count);
  return [
    inside((event.clientY - box.top) / box.height, rows),
    inside((event.clientX - box.left) / box.width, columns),
  ];
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/* Where a key leads from a cell; null if the key moves nothing. */
function moved([row, column], event, rows, columns) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return null;
  const far = event.shiftKey ? 5 : 1;
  const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
  return [within(row + far * step[0], rows), within(column + far * step[1], columns)];
}

/* Take an event for this element alone. */
function take(event) {
  event.preventDefault();
  event.stopPropagation();
}

// --- A picture that can be pointed at ------------------------------------------------------------

/* Traits: value (PNG), width, words, is_chart, places; pointed goes back, answered comes. */
function picture({ model, el }) {
  const frame = add(el, "div", { class: "alexnet-frame", "data-lm-suppress-shortcuts": "true" });
  const image = add(frame, "img", { class: "alexnet-picture" });
  const overlay = add(frame, "svg", { class: "alexnet-overlay" }, SVG);
  const point = courier(model, "pointed");
  const grids = [];

  function show() {
    const before = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    if (before) URL.revokeObjectURL(before);
  }

  function say() {
    image.alt = model.get("words");
    image.width = model.get("width");
    image.classList.toggle("alexnet-chart", model.get("is_chart"));
  }

  /* One element a place; they stay where only their numbers change, and so does the focus. */
  function place() {
    const places = model.get("places");
    while (grids.length > places.length) grids.pop().remove();
    while (grids.length < places.length) grids.push(grid(overlay, grids.length, point));
    places.forEach((about, number) => grids[number].take(about));
  }

  image.onload = () => {
    overlay.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
    makeAudible(frame.closest(".alexnet-explorer"));
  };
  overlay.setAttribute("preserveAspectRatio", "none");
  model.on("change:value", show);
  for (const name of ["words", "width", "is_chart"]) model.on(`change:${name}`, say);
  model.on("change:places", place);
  say();
  if (model.get("value").byteLength) show();
  place();
  return () => URL.revokeObjectURL(image.src);
}

const PLAYER = { "fa-play": "play", "fa-pause": "pause", "fa-stop": "back to the start" };

/* What ipywidgets leaves out for those who listen: a slider has the words before it as its name,
 * a player's buttons have names, and what stays while a line of text changes says that it does. */
function makeAudible(box) {
  for (const slider of box?.querySelectorAll(".widget-slider") ?? []) {
    const words = slider.querySelector(".widget-label")?.textContent;
    const parts = slider.querySelectorAll(".noUi-handle, .widget-readout");
    for (const part of parts) part.setAttribute("aria-label", words);
  }
  for (const icon of box?.querySelectorAll(".widget-play i") ?? [])
    for (const [kind, name] of Object.entries(PLAYER))
      if (icon.classList.contains(kind)) icon.parentElement.title = name;
  for (const text of box?.querySelectorAll("[role=status]") ?? [])
    text.parentElement.setAttribute("aria-live", "polite");
}

/* The cells of one place: a frame on the chosen one, a thin one under the pointer. */
export function grid(overlay, number, point) {
  const group = add(overlay, "g", { class: "alexnet-cells", tabindex: 0, role: "application" }, SVG);
  const area = add(group, "rect", { class: "alexnet-area" }, SVG);
  const chosen = add(group, "rect", { class: "alexnet-chosen" }, SVG);
  const under = add(group, "rect", { class: "alexnet-under", visibility: "hidden" }, SVG);
  const there = add(group, "rect", { class: "alexnet-under", visibility: "hidden" }, SVG);
  let about = null;
  let at = null;
  let text = ""; // typed into the chosen cell

  function outline(mark, [x, y, width, height]) {
    for (const [key, value] of Object.entries({ x, y, width, height })) mark.setAttribute(key, value);
    mark.setAttribute("visibility", "visible");
  }

  function frame(mark, [row, column]) {
    const [left, top, width, height] = about.box;
    const [wide, high] = [width / about.columns, height / about.rows];
    outline(mark, [left + column * wide, top + row * high, wide, high]);
  }

  /* The cell under the pointer, and what goes with it elsewhere in the picture. */
  function hover(cell) {
    frame(under, cell);
    const other = about.frames[cell[0] * about.columns + cell[1]];
    if (other) outline(there, other);
  }

  function leave() {
    for (const mark of [under, there]) mark.setAttribute("visibility", "hidden");
  }

  function choose(cell, turn = 0) {
    if (!turn && at && cell[0] === at[0] && cell[1] === at[1]) return;
    at = cell;
    text = "";
    frame(chosen, at);
    point({ place: number, row: at[0], column: at[1], turn });
  }

  /* Whether a key belongs to a number that is typed into the chosen cell; then it is told whole. */
  function write(event) {
    if (!about.writes || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Backspace") text = text.slice(0, -1);
    else if (/^[-.0-9]$/.test(event.key)) text += event.key;
    else return false;
    at ??= [0, 0];
    frame(chosen, at);
    if (text) point({ place: number, row: at[0], column: at[1], turn: 0, text });
    return true;
  }

  group.take = (next) => {
    about = next;
    at = about.at;
    group.classList.toggle("alexnet-quiet", Boolean(about.quiet));
    const [left, top, width, height] = about.box;
    for (const [key, value] of Object.entries({ x: left, y: top, width, height }))
      area.setAttribute(key, value);
    if (at) frame(chosen, at);
    else chosen.setAttribute("visibility", "hidden");
    const where = at ? `row ${at[0]} of ${about.rows}, column ${at[1]} of ${about.columns}` : "";
    const keys = `Arrow keys move.${about.writes ? " Type a number, or page up and down." : ""}`;
    group.setAttribute("aria-label", [about.words, where, keys].join(". "));
  };
  group.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    take(event);
    group.focus();
    group.setPointerCapture(event.pointerId);
    choose(cellAt(event, area, about.rows, about.columns));
  });
  group.addEventListener("pointermove", (event) => {
    const cell = cellAt(event, area, about.rows, about.columns);
    hover(cell);
    if (about.hovers || group.hasPointerCapture(event.pointerId)) choose(cell);
  });
  group.addEventListener("pointerleave", leave);
  group.addEventListener("blur", () => (text = ""));
  group.addEventListener("keydown", (event) => {
    if (write(event)) return take(event);
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    const cell = moved(at ?? [0, 0], event, about.rows, about.columns);
    if (!cell && !(turn && about.turns)) return;
    take(event);
    choose(cell ?? at ?? [0, 0], cell ? 0 : turn);
  });
  group.addEventListener("wheel", (event) => {
    if (!about.turns || document.activeElement !== group) return; // else the page scrolls
    take(event);
    choose(at ?? [0, 0], Math.sign(event.deltaY));
  });
  return group;
}

// --- A board that can be painted -----------------------------------------------------------------

const MEMORY = 50; // strokes that can be undone

/* Traits: colours (name: CSS), cells (names, row by row), brush; with cells goes painted, and
 * answered comes back. */
export function board({ model, el }) {
  const send = courier(model, "painted");
  const side = Math.sqrt(model.get("cells").length);
  const frame = add(el, "div", { class: "alexnet-board", "data-lm-suppress-shortcuts": "true" });
  const cloth = add(frame, "div", { class: "alexnet-cloth", tabindex: 0, role: "application" });
  const canvas = add(cloth, "canvas", { width: side, height: side });
  const tools = add(frame, "div", { class: "alexnet-tools" });
  const palette = add(tools, "div", { role: "radiogroup", "aria-label": "colour" });
  const pen = canvas.getContext("2d");
  const earlier = [];
  let cells = model.get("cells");
  let at = [side >> 1, side >> 1];

  function draw() {
    cells.forEach((name, place) => {
      pen.fillStyle = model.get("colours")[name];
      pen.fillRect(place % side, Math.floor(place / side), 1, 1);
    });
    const under = cells[at[0] * side + at[1]];
    const where = `row ${at[0]}, column ${at[1]}: ${under}`;
    cloth.setAttribute("aria-label", `Drawing board, ${where}. Arrow keys move, space paints.`);
    for (const [name, value] of Object.entries({ row: at[0], column: at[1], side }))
      cloth.style.setProperty(`--${name}`, value);
  }

  function change(next) {
    model.set("cells", next); // which draws it, and leaves with the next message
    send({});
  }

  function remember() {
    earlier.push([...cells]);
    if (earlier.length > MEMORY) earlier.shift();
  }

  /* Paint from the last cell to this one: a fast hand leaves no gaps. */
  function stroke(cell) {
    const next = [...cells];
    const steps = Math.max(1, Math.abs(cell[0] - at[0]), Math.abs(cell[1] - at[1]));
    for (let step = 0; step <= steps; step++) {
      const [row, column] = [0, 1].map((i) => Math.round(at[i] + ((cell[i] - at[i]) * step) / steps));
      next[row * side + column] = model.get("brush");
    }
    at = cell;
    change(next);
  }

  cloth.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    take(event);
    cloth.focus();
    cloth.setPointerCapture(event.pointerId);
    remember();
    at = cellAt(event, canvas, side, side);
    stroke(at);
  });
  cloth.addEventListener("pointermove", (event) => {
    if (!cloth.hasPointerCapture(event.pointerId)) return;
    const cell = cellAt(event, canvas, side, side);
    if (cell[0] !== at[0] || cell[1] !== at[1]) stroke(cell);
  });
  cloth.addEventListener("keydown", (event) => {
    const cell = moved(at, event, side, side);
    if (cell) at = cell;
    else if (event.key === " " || event.key === "Enter") (remember(), stroke(at));
    else return;
    take(event);
    draw();
  });

  const swatches = Object.entries(model.get("colours")).map(([name, colour]) => {
    const swatch = add(palette, "button", { role: "radio", title: name, "aria-label": name });
    swatch.style.background = colour;
    swatch.addEventListener("click", () => (model.set("brush", name), model.save_changes()));
    swatch.addEventListener("keydown", (event) => {
      const next = moved([0, swatches.indexOf(swatch)], event, 1, swatches.length);
      if (!next) return;
      take(event);
      swatches[next[1]].focus();
      swatches[next[1]].click();
    });
    return swatch;
  });
  function pick() {
    for (const swatch of swatches) {
      const chosen = swatch.title === model.get("brush");
      swatch.setAttribute("aria-checked", chosen);
      swatch.tabIndex = chosen ? 0 : -1; // one stop for the tab key, arrows within
    }
  }
  for (const [words, title, act] of [
    ["fill", "paint all in the chosen colour", () => cells.map(() => model.get("brush"))],
    ["undo", "take the last stroke back", () => earlier.pop() ?? cells],
  ]) {
    const made = add(tools, "button", { class: "alexnet-tool", title });
    made.textContent = words;
    made.addEventListener("click", () => {
      if (words !== "undo") remember();
      change(act());
    });
  }

  model.on("change:brush", pick);
  model.on("change:cells", () => {
    cells = model.get("cells");
    draw();
  });
  pick();
  draw();
}

// --- A camera ------------------------------------------------------------------------------------

const PHOTO = 640; // pixels of a photograph's longer side

/* Traits: label, and photo: the bytes of what was taken. */
function camera({ model, el }) {
  const button = add(el, "label", { class: "alexnet-tool alexnet-camera" });
  button.textContent = model.get("label");
  const about = { type: "file", accept: "image/*", capture: "environment" };
  const input = add(button, "input", about);
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    const bytes = await (await smaller(file).catch(() => file)).arrayBuffer(); // else Python tells
    model.set("photo", new DataView(bytes));
    model.save_changes();
    input.value = ""; // the same file can be taken again
  });
}

/* A picture file of at most PHOTO pixels a side, upright. */
async function smaller(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO / Math.max(image.width, image.height));
  const sides = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(...sides);
  canvas.getContext("2d").drawImage(image, 0, 0, ...sides);
  return canvas.convertToBlob({ type: "image/png" });
}
