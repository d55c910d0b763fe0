/* <alexnet-explorer src="…/states.json">: an explorer whose pictures were drawn beforehand.
 *
 * What states.json holds is told in states.py. The element shows one of its states at any time:
 * controls, picture, words, and what can be pointed at, all of the same state. A control that
 * moves asks for a combination; where that was not drawn, the nearest one is shown, the other
 * controls go there too, and the words say so.
 *
 * What stands within the element, a still picture and its words, stays until the file has come,
 * and stays for good where it does not come. A network.json in place of states.json is a network
 * that the page runs by itself (network.js).
 */

import { add, grid, SVG } from "./pointing.js";

const NEAR = "600px"; // of the window: from there on an explorer loads

const NEAREST = "Of what this page has pictures of, this is the nearest.";

/* An explorer's states, and which of them answers a wish. Nothing here touches the page. */
export class States {
  constructor(told) {
    Object.assign(this, told);
    this.names = told.controls.map((control) => control.name);
    this.isRange = told.controls.map(({ kind }) => kind === "range");
    this.isListed = told.controls.map(({ kind }) => kind === "select" || kind === "checkbox");
    this.start = this.find(told.first, []);
  }

  /* The state for `wanted`, an option a control, of which the controls `moved` matter most.
   * What is chosen from a list stays chosen, unless nothing was drawn there. */
  find(wanted, moved) {
    const same = this.states.filter((state) =>
      this.names.every((_, i) => !this.isListed[i] || state.at[i] === wanted[i]),
    );
    const moves = (i) => new Set(same.map((state) => state.at[i])).size > 1;
    const answers = same.length && moved.every((i) => !this.isRange[i] || moves(i));
    const pool = answers ? same : this.states;
    const costs = pool.map((state) => this.distance(state, wanted, moved));
    return pool[costs.indexOf(Math.min(...costs))];
  }

  distance(state, wanted, moved) {
    let sum = 0;
    this.names.forEach((name, i) => {
      const weight = moved.includes(i) ? 1000 : this.isListed[i] ? 10 : 1;
      const last = Math.max(1, this.controls[i].options.length - 1);
      const far = Math.abs(state.at[i] - wanted[i]);
      sum += weight * (this.isRange[i] ? far / last : Number(far > 0));
    });
    return sum;
  }

  /* The options that a slider can go to from a state, in order. */
  reach(state, i) {
    const end = state.ends[this.names[i]] ?? Infinity;
    const like = this.states.filter((other) =>
      this.names.every((_, k) => !this.isListed[k] || other.at[k] === state.at[k]),
    );
    const there = (states) =>
      [...new Set(states.map((one) => one.at[i]))].filter((at) => at <= end).sort((a, b) => a - b);
    const own = there(like);
    return own.length > 1 ? own : there(this.states);
  }

  /* What is wished for when controls move; sliders that keep their share of the way do so. */
  wish(state, changes) {
    const wanted = [...state.at];
    for (const [name, option] of Object.entries(changes)) wanted[this.names.indexOf(name)] = option;
    const moved = Object.keys(changes).map((name) => this.names.indexOf(name));
    const found = this.find(wanted, moved);
    for (const name of this.keep_share.filter((name) => !(name in changes))) {
      const [before, after] = [state.ends[name], found.ends[name]];
      const i = this.names.indexOf(name);
      if (before !== after) wanted[i] = Math.round((state.at[i] / (before || 1)) * after);
    }
    return { wanted, moved, found: this.find(wanted, moved) };
  }

  /* What went elsewhere than it was wished, in words; "" where nothing did. */
  strayed({ wanted, moved, found }) {
    const gone = this.controls.filter(
      ({ name, kind }, i) =>
        kind !== "picture" && found.at[i] !== wanted[i] && !moved.includes(i) && !(wanted[i] > found.ends[name]),
    );
    if (!gone.length) return "";
    const told = gone.map(({ name, label, options }) => {
      const option = options[found.at[this.names.indexOf(name)]];
      return `${label} is ${option}`;
    });
    return `This page has pictures of some combinations only; in the nearest, ${told.join(", ")}.`;
  }
}

class Explorer extends HTMLElement {
  connectedCallback() {
    if (this.watcher) return;
    this.watcher = new IntersectionObserver(
      (seen) => seen.some((one) => one.isIntersecting) && this.load(),
      { rootMargin: NEAR },
    );
    this.watcher.observe(this);
  }

  async load() {
    this.watcher.disconnect();
    const address = new URL(this.getAttribute("src"), document.baseURI);
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${address} answers ${answer.status}`);
      const told = await answer.json();
      if (told.network) return this.offer(told, address);
      this.states = new States(told);
    } catch (error) {
      this.classList.add("alexnet-still"); // a page opened from a file may not read another
      this.title = `The explorer stays still: ${error.message}`;
      return;
    }
    this.base = address;
    this.build();
    this.show(this.states.start);
    this.classList.add("alexnet-alive");
  }

  /* A network that the page runs by itself is large, so it comes when it is asked for. */
  offer(told, address) {
    const button = add(this, "button", { type: "button", class: "alexnet-offer" });
    button.textContent = `Draw here (loads the network, ${Math.ceil(told.megabytes)} MB)`;
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const { start } = await import("./network.js");
        await start(this, told, address);
        this.classList.add("alexnet-network");
      } catch (error) {
        button.textContent = `The network could not be loaded: ${error.message}`;
      }
    });
  }

  /* The elements: controls beside picture and words. */
  build() {
    this.replaceChildren();
    const panel = add(this, "div", { class: "alexnet-panel" });
    this.parts = this.states.controls.map((control, i) => this.control(panel, control, i));
    this.buttons(panel);
    const view = add(this, "div", { class: "alexnet-view" });
    const frame = add(view, "div", { class: "alexnet-frame" });
    this.image = add(frame, "img", { class: "alexnet-picture", decoding: "async" });
    this.overlay = add(frame, "svg", { class: "alexnet-overlay" }, SVG);
    this.overlay.setAttribute("preserveAspectRatio", "none");
    this.grids = [];
    frame.addEventListener("keydown", () => (this.byKey = true), true);
    frame.addEventListener("pointerdown", () => (this.byKey = false), true);
    this.words = add(view, "p", { class: "alexnet-words", role: "status" });
  }

  /* A control with its label; returns how it follows a state. */
  control(panel, { name, kind, label, options, steps }, i) {
    if (kind === "picture") return () => {}; // only pointing sets it
    const row = add(panel, "label", { class: `alexnet-control alexnet-${kind}` });
    add(row, "span").textContent = label;
    const input = add(row, kind === "select" ? "select" : "input", { name });
    const move = (option) => this.wish({ [name]: option });
    if (kind === "select") {
      for (const words of options) add(input, "option").textContent = words;
      input.addEventListener("change", () => move(input.selectedIndex));
      return (state) => (input.selectedIndex = state.at[i]);
    }
    input.type = kind;
    input.setAttribute("aria-label", label); // without the value, which is told by itself
    if (kind === "checkbox") {
      input.addEventListener("change", () => move(Number(input.checked)));
      return (state) => (input.checked = Boolean(state.at[i]));
    }
    if (steps) row.title = `${options.length} of ${steps} steps have a picture on this page`;
    const value = add(row, "output");
    let reach = [];
    input.addEventListener("input", () => move(reach[input.value]));
    return (state) => {
      reach = this.states.reach(state, i);
      input.min = 0;
      input.max = reach.length - 1;
      input.value = reach.indexOf(state.at[i]);
      value.textContent = options[state.at[i]];
      input.setAttribute("aria-valuetext", options[state.at[i]]);
    };
  }

  buttons(panel) {
    const row = add(panel, "div", { class: "alexnet-buttons" });
    if (this.states.plays) {
      this.play = add(row, "button", { type: "button" });
      this.play.addEventListener("click", () => (this.timer ? this.pause() : this.run()));
      this.pause();
    }
    const reset = add(row, "button", { type: "button", title: "put all controls back" });
    reset.textContent = "Reset";
    reset.addEventListener("click", () => {
      if (this.play) this.pause();
      this.show(this.states.start);
    });
  }

  /* Move the slider that can move by itself, from where it stands, or from its beginning. */
  run() {
    const { control, every_ms } = this.states.plays;
    const i = this.states.names.indexOf(control);
    const last = this.states.reach(this.state, i).at(-1);
    if (this.state.at[i] === last) this.wish({ [control]: this.states.reach(this.state, i)[0] });
    this.play.textContent = "❚❚ stop";
    this.timer = setInterval(() => {
      const next = this.states.reach(this.state, i).find((option) => option > this.state.at[i]);
      if (next === undefined || !this.isConnected) this.pause();
      else this.wish({ [control]: next });
    }, every_ms);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "▶ play";
  }

  /* Go to the nearest state of what the changes, an option a control, ask for. */
  wish(changes) {
    const wish = this.states.wish(this.state, changes);
    if (wish.found !== this.state) return this.show(wish.found, this.states.strayed(wish));
    this.follow(); // a control that was moved goes back
    this.say(NEAREST);
    if (!this.byKey) this.place(); // by keys one goes on, cell by cell, to the next picture
  }

  /* Where the pointer is: a cell of a part, or a turn of the slider that goes with the part. */
  point({ place, row, column, turn }) {
    const cells = this.state.cells[place];
    if (!turn) {
      const changes = Object.entries(this.states.grids[cells.grid]).map(([name, options]) => [
        name,
        options[row * cells.columns + column],
      ]);
      return this.wish(Object.fromEntries(changes));
    }
    const i = this.states.names.indexOf(cells.turns);
    const reach = this.states.reach(this.state, i);
    const next = reach[reach.indexOf(this.state.at[i]) + turn];
    if (next !== undefined) this.wish({ [cells.turns]: next });
  }

  show(state, remark = "") {
    this.state = state;
    this.follow();
    const picture = this.states.pictures[state.picture];
    this.image.classList.toggle("alexnet-pale", !picture); // not of this setting
    if (picture) this.picture(picture);
    this.image.alt = picture ? state.words : `${state.words} The pale picture is of another one.`;
    this.say(remark);
    while (this.grids.length > state.cells.length) this.grids.pop().remove();
    while (this.grids.length < state.cells.length)
      this.grids.push(grid(this.overlay, this.grids.length, (told) => this.point(told)));
    this.place();
  }

  place() {
    this.state.cells.forEach((about, number) => this.grids[number].take(about));
  }

  /* The state's words, and a remark on how it was found. */
  say(remark) {
    this.words.textContent = [this.state.words, remark].filter(Boolean).join(" ");
  }

  follow() {
    this.parts.forEach((part) => part(this.state));
  }

  picture({ file, width, size, chart }) {
    this.image.src = new URL(file, this.base);
    [this.image.width, this.image.height] = [width, Math.round((size[1] * width) / size[0])];
    this.image.classList.toggle("alexnet-chart", chart);
    this.overlay.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  }
}

customElements.define("alexnet-explorer", Explorer);
