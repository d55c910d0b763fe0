/* The course's network in the page: a board to draw on, its five best classes at every stroke, and
 * one unit of any convolution taken apart.
 *
 * network.json and network.bin are told in network.py. Numbers that ReLU has made 0 are left out,
 * which is most of them from conv3 on; the one loop that takes time is WebAssembly of 268 bytes
 * (terms.wat). Maps lie with the map's number last, at [(row * side + column) * maps + map].
 */

import { add, board, grid, SVG } from "./pointing.js";

// --- The network ---------------------------------------------------------------------------------

/* The values of half-precision numbers. */
function floats(halves) {
  const value = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const [power, rest] = [(bits >> 10) & 31, bits & 1023];
    const size = power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -24 * rest;
    value[bits] = bits & 32768 ? -size : size;
  }
  const numbers = new Float32Array(halves.length);
  for (let at = 0; at < halves.length; at++) numbers[at] = value[halves[at]];
  return numbers;
}

// terms.wat, assembled: adds products to sums, four at a time.
const TERMS =
  "AGFzbQEAAAABCQFgBX9/f39/AAIQAQRwYWdlBm1lbW9yeQIAAQMCAQAHBwEDYWRkAAAK1wEB1AECBHsFfwJAA0AgAiAD" +
  "Tw0BIAL9CQIAIQUgAv0JAgQhBiAC/QkCCCEHIAL9CQIMIQggBCgCACEJIAQoAgQhCiAEKAIIIQsgBCgCDCEMIAAhDQNA" +
  "IA0gDf0ABAAgBSAJ/QAEAP3mASAGIAr9AAQA/eYB/eQBIAcgC/0ABAD95gEgCCAM/QAEAP3mAf3kAf3kAf3kAf0LBAAg" +
  "CUEQaiEJIApBEGohCiALQRBqIQsgDEEQaiEMIA1BEGohDSANIAFJDQALIAJBEGohAiAEQRBqIQQMAAsLCw==";

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/* The layers with their weights, cut out of network.bin one after another, and what computes. */
export async function layersOf(told, halves) {
  const numbers = floats(halves);
  const longest = Math.max(...told.layers.map((layer) => layer.kernel ** 2 * layer.in)) + 4;
  const widest = Math.max(...told.layers.map((layer) => layer.groups * layer.out)) + 4;
  const count = numbers.length + 4 + 2 * longest + widest; // in the memory, in this order
  const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * count) / 65536) });
  const part = (kind, at, length) => new kind(memory.buffer, 4 * at, length);
  part(Float32Array, 0, numbers.length).set(numbers);
  const values = part(Float32Array, numbers.length + 4, longest);
  const places = part(Int32Array, numbers.length + 4 + longest, longest);
  const sums = part(Float32Array, numbers.length + 4 + 2 * longest, widest);
  const { instance } = await WebAssembly.instantiate(bytesOf(TERMS), { page: { memory } });
  const work = { values, places, sums, add: instance.exports.add };
  let start = 0;
  const next = (length) => part(Float32Array, (start += length) - length, length);
  return told.layers.map((layer) => ({
    ...layer,
    work,
    weight: next(layer.groups * layer.kernel ** 2 * layer.in * layer.out),
    bias: next(layer.groups * layer.out),
  }));
}

/* A convolution with stride 1: the sums of all units. */
export function convolve({ data, side }, layer) {
  const { groups, kernel, padding, weight, bias, in: into, out, work } = layer;
  const { values, places, sums, add } = work;
  const [across, all, size] = [groups * into, groups * out, side + 2 * padding - kernel + 1];
  const result = new Float32Array(size * size * all);
  for (let unit = 0; unit < size * size; unit++) {
    const [top, left] = [Math.floor(unit / size) - padding, (unit % size) - padding];
    for (let group = 0; group < groups; group++) {
      let count = 0; // of terms: the numbers in the window that are not 0, and their weights
      for (let i = Math.max(0, -top); i < Math.min(kernel, side - top); i++)
        for (let j = Math.max(0, -left); j < Math.min(kernel, side - left); j++) {
          const from = ((top + i) * side + left + j) * across + group * into;
          const place = ((group * kernel + i) * kernel + j) * into;
          for (let map = 0; map < into; map++)
            if (data[from + map] !== 0) {
              values[count] = data[from + map];
              places[count++] = weight.byteOffset + 4 * (place + map) * out;
            }
        }
      while (count % 4) [values[count], places[count++]] = [0, weight.byteOffset];
      sums.set(bias.subarray(group * out, (group + 1) * out));
      const [first, terms] = [sums.byteOffset, values.byteOffset];
      add(first, first + 4 * out, terms, terms + 4 * count, places.byteOffset);
      result.set(sums.subarray(0, out), unit * all + group * out);
    }
  }
  return { data: result, side: size, maps: all };
}

const rectify = ({ data, ...rest }) => ({ ...rest, data: data.map((x) => (x > 0 ? x : 0)) });

/* x / (k + α Σ x²)^β over neighbouring maps (§3.3). */
function normalise({ data, side, maps }, { size, k, alpha, beta }) {
  const reach = size >> 1;
  const normed = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += maps)
    for (let map = 0; map < maps; map++) {
      if (data[at + map] === 0) continue;
      let energy = 0;
      const [first, last] = [Math.max(0, map - reach), Math.min(maps - 1, map + reach)];
      for (let near = first; near <= last; near++) energy += data[at + near] ** 2;
      normed[at + map] = data[at + map] / (k + alpha * energy) ** beta;
    }
  return { data: normed, side, maps };
}

/* The largest number of each window; windows at the edge are cut (§3.4). */
function pool({ data, side, maps }, [kernel, stride]) {
  const size = Math.ceil((side - kernel) / stride) + 1;
  const most = new Float32Array(size * size * maps); // after ReLU nothing is below 0
  for (let unit = 0; unit < size * size; unit++) {
    const [top, left] = [Math.floor(unit / size) * stride, (unit % size) * stride];
    for (let row = top; row < Math.min(side, top + kernel); row++)
      for (let column = left; column < Math.min(side, left + kernel); column++)
        for (let map = 0, from = (row * side + column) * maps, to = unit * maps; map < maps; map++)
          if (data[from + map] > most[to + map]) most[to + map] = data[from + map];
  }
  return { data: most, side: size, maps };
}

/* What each layer reads (before), its sums and what ReLU leaves (after); and the probabilities.
 * pixels: of the whole picture, row by row, three colours each. */
export function look(told, layers, pixels) {
  const { side, size } = told;
  const edge = Math.floor((side - size) / 2);
  const seen = new Float32Array(size * size * 3);
  for (let at = 0; at < seen.length; at++) {
    const [place, colour] = [Math.floor(at / 3), at % 3];
    const from = (edge + Math.floor(place / size)) * side + edge + (place % size);
    seen[at] = (pixels[from * 3 + colour] - told.mean[at]) / told.scale[colour];
  }
  const calls = {};
  let x = { data: seen, side: size, maps: 3 };
  for (const layer of layers) {
    const sums = convolve(x, layer);
    const after = rectify(sums);
    calls[layer.name] = { before: x, sums, after };
    x = layer.norm ? normalise(after, told.norm) : after;
    if (layer.pool) x = pool(x, told.pool);
  }
  const logits = calls[layers.at(-1).name].sums.data;
  const most = Math.max(...logits);
  const odds = Array.from(logits, (logit) => Math.exp(logit - most));
  const all = odds.reduce((sum, one) => sum + one);
  return { calls, logits, probabilities: odds.map((one) => one / all) };
}

/* What each channel of its window gives to one unit, largest first: [{channel, gives}]. */
export function channelsOf({ before }, layer, row, column, map) {
  const { kernel, padding, out, weight, groups, in: into } = layer;
  const group = Math.floor(map / out);
  const gives = Array.from({ length: into }, (_, n) => ({ channel: group * into + n, gives: 0 }));
  for (let i = 0; i < kernel; i++)
    for (let j = 0; j < kernel; j++) {
      const [y, x] = [row - padding + i, column - padding + j];
      if (y < 0 || x < 0 || y >= before.side || x >= before.side) continue;
      for (let n = 0; n < into; n++) {
        const place = (((group * kernel + i) * kernel + j) * into + n) * out + (map % out);
        const from = (y * before.side + x) * groups * into + group * into + n;
        gives[n].gives += before.data[from] * weight[place];
      }
    }
  return gives.sort((a, b) => Math.abs(b.gives) - Math.abs(a.gives));
}

// --- What one sees -------------------------------------------------------------------------------

const DRAWN = "my drawing";

/* A canvas of pixels with a place to point at. */
class Panel {
  constructor(parent, title, side, point) {
    const figure = add(parent, "figure", { class: "alexnet-panel-picture" });
    this.title = add(figure, "figcaption");
    this.title.textContent = title;
    this.side = side;
    const frame = add(figure, "div", { class: "alexnet-frame" });
    this.canvas = add(frame, "canvas", { class: "alexnet-pixels", role: "img" });
    this.overlay = add(frame, "svg", { class: "alexnet-overlay" }, SVG);
    this.overlay.setAttribute("viewBox", `0 0 ${side} ${side}`);
    if (point) this.grid = grid(this.overlay, 0, point);
    else this.box = add(this.overlay, "rect", { class: "alexnet-field" }, SVG);
  }

  /* RGB of each pixel by its number. */
  draw(width, height, colour) {
    Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    const image = pen.createImageData(width, height);
    for (let at = 0; at < width * height; at++) image.data.set([...colour(at), 255], 4 * at);
    pen.putImageData(image, 0, 0);
  }
}

/* White is 0, red is large. */
const heat = (share) => [255 - 60 * share, 255 - 235 * share, 255 - 215 * share];

/* The board, its answer, and the unit explorer, in an element; returns when it is ready. */
export async function start(root, told, base) {
  const answer = await fetch(new URL("network.bin", base));
  if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}`);
  const layers = await layersOf(told, new Uint16Array(await answer.arrayBuffer()));
  root.replaceChildren();
  const pictures = { [DRAWN]: null };
  for (const [name, content] of Object.entries(told.pictures))
    pictures[name] = bytesOf(content);
  const draw = drawing(root, told, (cells) => {
    pictures[DRAWN] = pixelsOf(cells, told);
    const found = look(told, layers, pictures[DRAWN]);
    draw.answer(found.probabilities);
    unit?.show(DRAWN, found);
  });
  const unit = new Unit(root, told, layers, pictures);
  draw.first();
}

/* The board's pixels, as the network's pictures have them. */
export function pixelsOf(cells, { side, colours }) {
  const count = Math.sqrt(cells.length);
  const pixels = new Uint8Array(side * side * 3);
  for (let at = 0; at < side * side; at++) {
    const [row, column] = [Math.floor(at / side), at % side].map((p) => Math.floor((p * count) / side));
    const colour = colours[cells[row * count + column]];
    for (let n = 0; n < 3; n++) pixels[3 * at + n] = parseInt(colour.slice(1 + 2 * n, 3 + 2 * n), 16);
  }
  return pixels;
}

/* The board with bars beside it; `painted` is called with the cells at each stroke. */
function drawing(root, told, painted) {
  const row = add(root, "div", { class: "alexnet-drawing" });
  const traits = { ...told, brush: "grey", painted: {}, answered: 0 };
  const follows = {};
  const model = {
    get: (name) => traits[name],
    on: (event, act) => (follows[event] ??= []).push(act),
    set(name, value) {
      traits[name] = value;
      for (const act of follows[`change:${name}`] ?? []) act();
    },
    save_changes() {
      if (traits.answered === traits.painted.number) return; // a new brush
      traits.answered = traits.painted.number ?? 0;
      if (traits.answered) painted(traits.cells);
    },
  };
  board({ model, el: add(row, "div") });
  const side = add(row, "div", { class: "alexnet-answer" });
  const bars = add(side, "div", { "aria-hidden": "true" });
  const words = add(side, "p", { class: "alexnet-words", role: "status" });
  return {
    first: () => painted(traits.cells),
    answer(probabilities) {
      const best = probabilities.map((share, n) => [share, told.classes[n]]);
      best.sort((one, other) => other[0] - one[0]);
      bars.replaceChildren();
      for (const [share, name] of best.slice(0, 5)) {
        const bar = add(bars, "div", { class: "alexnet-bar" });
        bar.style.setProperty("--share", share);
        bar.textContent = `${name} ${percent(share)}`;
      }
      const two = best.slice(0, 2).map(([share, name]) => `${name} ${percent(share)}`);
      words.textContent = `${DRAWN}: the network answers ${two.join(", then ")}.`;
    },
  };
}

const percent = (share) => `${Math.round(100 * share)}%`;

/* Three pictures: what is seen, all maps of a layer, one map; and one unit in words. */
class Unit {
  constructor(root, told, layers, pictures) {
    Object.assign(this, { told, pictures, layers, at: [4, 4], map: 0 });
    this.convolutions = layers.filter((layer) => layer.name.startsWith("conv"));
    this.layer = this.convolutions[0];
    const panel = add(root, "div", { class: "alexnet-panel" });
    this.picture = this.list(panel, "picture", Object.keys(pictures), (name) => this.show(name));
    this.list(panel, "layer", this.convolutions.map((layer) => layer.name), (name) => this.enter(name));
    const row = add(root, "div", { class: "alexnet-drawing" });
    this.seen = new Panel(row, "what the network sees", told.size);
    this.sheet = new Panel(row, "all maps of the layer", 100, ({ row: y, column: x }) => {
      this.map = Math.min(y * this.columns + x, this.calls[this.layer.name].sums.maps - 1);
      this.draw();
    });
    this.own = new Panel(row, "one map", 100, ({ row: y, column: x }) => {
      this.at = [y, x];
      this.draw();
    });
    this.words = add(root, "p", { class: "alexnet-words", role: "status" });
  }

  list(panel, label, options, choose) {
    const row = add(panel, "label", { class: "alexnet-control alexnet-select" });
    add(row, "span").textContent = label;
    const list = add(row, "select", { name: label });
    for (const words of options) add(list, "option").textContent = words;
    list.addEventListener("change", () => choose(list.value));
    return list;
  }

  show(name, found = look(this.told, this.layers, this.pictures[name])) {
    this.picture.value = name;
    this.calls = found.calls;
    this.draw();
  }

  /* Another layer: the same place of the picture, its map of the largest value. */
  enter(name) {
    const before = this.calls[this.layer.name].after.side;
    this.layer = this.convolutions.find((layer) => layer.name === name);
    const { data, side, maps } = this.calls[name].after;
    this.at = this.at.map((place) => Math.round((place / (before - 1)) * (side - 1)));
    this.map = data.indexOf(data.reduce((most, x) => Math.max(most, x))) % maps;
    this.draw();
  }

  draw() {
    const { told, layer, map } = this;
    const [row, column] = this.at;
    const { data, side, maps } = this.calls[layer.name].after;
    this.columns = Math.ceil(Math.sqrt(maps));
    const rows = Math.ceil(maps / this.columns);
    const most = data.reduce((one, other) => Math.max(one, other)) || 1;
    const [start, size, jump] = layer.field;
    const [pixels, edge] = [this.pictures[this.picture.value], Math.floor((told.side - told.size) / 2)];
    this.seen.draw(told.size, told.size, (at) => {
      const from = 3 * ((edge + Math.floor(at / told.size)) * told.side + edge + (at % told.size));
      return pixels.subarray(from, from + 3);
    });
    const box = { x: start + column * jump, y: start + row * jump, width: size, height: size };
    for (const [key, value] of Object.entries(box)) this.seen.box.setAttribute(key, value);
    const wide = this.columns * (side + 1);
    this.sheet.draw(wide, rows * (side + 1), (at) => {
      const [y, x] = [Math.floor(at / wide), at % wide];
      const one = Math.floor(y / (side + 1)) * this.columns + Math.floor(x / (side + 1));
      const [i, j] = [y % (side + 1), x % (side + 1)];
      if (i === side || j === side || one >= maps) return [225, 228, 232];
      return heat(data[(i * side + j) * maps + one] / most);
    });
    this.own.draw(side, side, (at) => heat(data[at * maps + map] / most));
    const whole = [0, 0, 100, 100];
    this.sheet.grid.take({
      box: whole, frames: [], rows, columns: this.columns, words: `the ${maps} maps of ${layer.name}`,
      at: [Math.floor(map / this.columns), map % this.columns],
    });
    this.own.grid.take({
      box: whole, frames: [], rows: side, columns: side, words: `map ${map}`, at: this.at,
    });
    this.own.title.textContent = `map ${map} of ${maps} in ${layer.name}`;
    this.words.textContent = this.told_(row, column);
  }

  /* The unit's arithmetic in words. */
  told_(row, column) {
    const { layer, map } = this;
    const call = this.calls[layer.name];
    const sum = call.sums.data[(row * call.sums.side + column) * call.sums.maps + map];
    const [start, size, jump] = layer.field;
    const ends = (place) => `${start + place * jump} to ${start + place * jump + size - 1}`;
    const [first] = channelsOf(call, layer, row, column, map);
    const fate = sum > 0 ? "ReLU lets it through." : "ReLU makes it 0.";
    return (
      `${this.picture.value}: unit (${row}, ${column}) of map ${map} in ${layer.name} looks at rows ` +
      `${ends(row)}, columns ${ends(column)}. Its products and its bias sum to ${sum.toPrecision(3)}; ` +
      `channel ${first.channel} gives ${first.gives.toPrecision(3)} of it. ${fate}`
    );
  }
}
