/* What answers in the pages: predictions, quizzes, the search, and how a page looks.
 *
 * Nothing is sent anywhere. Answers lie in this browser's localStorage, by lesson:
 *     alexnet-course: {"01": {"predictions": {question: guess}, "quiz": {question: option}}}
 * A page holds its results sealed (asks.py); they are opened when a prediction is settled.
 */

"use strict";

const LESSON = document.body.dataset.lesson;
const all = (query, from = document) => [...from.querySelectorAll(query)];

/* --- What is kept ------------------------------------------------------------------------------ */

const KEPT = "alexnet-course";
let kept = {};
try {
  const found = JSON.parse(localStorage.getItem(KEPT));
  if (found && typeof found === "object") kept = found;
} catch (error) { /* without storage, answers last as long as the page */ }

/* The answers to one part of this lesson: a table that can be changed, then kept by `keep`. */
function answers(part, lesson = LESSON) {
  kept[lesson] ??= {};
  return (kept[lesson][part] ??= {});
}

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch (error) { /* a full or forbidden storage: the page goes on without it */ }
}

function unseal(seal) {
  const bytes = Uint8Array.from(atob(seal), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/* --- Numbers and words, as questions.py has them ---------------------------------------------- */

/* What a person means by "3,072", "0,5", "50 %" or "3 times"; null where it is no number. */
function toNumber(text) {
  let plain = text.trim().replace("−", "-").replace(/[^\d.]+$/, "");
  if (!/^-?0,/.test(plain)) plain = plain.replace(/(?<=\d)[, _](?=\d{3}(\D|$))/g, "");
  plain = plain.replaceAll(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) && isFinite(plain) ? Number(plain) : null;
}

/* A number with its unit ("3,072", "1 point", "23.2 %"), or the text as it is. */
function inWords(value, unit = "") {
  if (typeof value === "string") return value;
  const told = Number.isInteger(value) ? value.toLocaleString("en-US") : threeDigits(value);
  return `${told} ${told === "1" ? unit.replace(/s$/, "") : unit}`.trim();
}

/* Python's format ".3g". */
function threeDigits(value) {
  const [digits, power] = value.toExponential(2).split("e");
  if (power >= -4 && power < 3) return String(Number(value.toPrecision(3)));
  const short = digits.replace(/\.?0+$/, "");
  return `${short}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/* A result, and how near the prediction came; two percentages differ in points. */
function compare(guess, result, unit = "") {
  const told = `Result: ${inWords(result, unit)}.`;
  if (guess === null) return `${told} No prediction was made.`;
  const predicted = `${told} You predicted ${inWords(guess, unit)}`;
  if (typeof result === "string") {
    return guess === result ? `${predicted}, and so it is.` : `${predicted}; it is not.`;
  }
  const off = guess - result;
  if (Math.abs(off) <= 0.1 * Math.abs(result)) return `${predicted}: close.`;
  const far = inWords(Math.abs(off), unit === "%" ? "points" : unit);
  return `${predicted}: too ${off > 0 ? "high" : "low"} by ${far}.`;
}

/* --- Predictions ------------------------------------------------------------------------------ */

/* A question of the page, with the results and the veiled parts that wait for it. */
class Predict {
  constructor(form) {
    this.form = form;
    this.text = form.dataset.text;
    this.unit = form.dataset.unit;
    this.inputs = all("input", form);
    this.button = form.querySelector("button");
    this.reply = form.querySelector("[role=status]");
    this.waiting = all(`[data-of="${form.id}"]`);
    this.results = this.waiting.filter((one) => one.matches(".result"));
    form.addEventListener("input", () => this.show());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.settled) this.reopen();
      else this.commit();
    });
    for (const result of this.results) {
      result.querySelector("button").addEventListener("click", () => this.settle(null));
    }
    this.restore();
    this.show();
  }

  get settled() {
    return this.text in answers("predictions");
  }

  get value() {
    if (this.inputs[0].type === "radio") return this.inputs.find((one) => one.checked)?.value ?? "";
    return this.inputs[0].value;
  }

  commit() {
    const isNumber = this.inputs[0].type !== "radio";
    const guess = isNumber ? toNumber(this.value) : this.value;
    if (guess === null) {
      this.reply.textContent = "That is not a number; one like 3072 or 0.5 is expected.";
    } else if (this.value) this.settle(guess);
  }

  settle(guess) {
    answers("predictions")[this.text] = guess;
    keep();
    this.show();
  }

  reopen() {
    delete answers("predictions")[this.text];
    keep();
    this.reply.textContent = "";
    this.show();
    (this.inputs.find((one) => one.checked) ?? this.inputs[0]).focus();
  }

  /* An earlier visit's answer, where it still is one of the options. */
  restore() {
    const guess = answers("predictions")[this.text];
    if (guess === undefined || guess === null) return;
    if (this.inputs[0].type !== "radio") this.inputs[0].value = guess;
    else {
      const chosen = this.inputs.find((one) => one.value === guess);
      if (chosen) chosen.checked = true;
      else delete answers("predictions")[this.text];
    }
  }

  show() {
    const settled = this.settled;
    const guess = answers("predictions")[this.text];
    for (const input of this.inputs) input.disabled = settled;
    this.button.textContent = settled ? "Change my answer" : "Commit";
    this.button.disabled = !settled && !this.value;
    if (settled) {
      this.reply.textContent =
        guess === null ? "No prediction was made." : `Committed: ${inWords(guess, this.unit)}.`;
    }
    for (const one of this.waiting) one.classList.toggle("open", settled);
    for (const result of this.results) this.showResult(result, settled, guess);
  }

  showResult(box, settled, guess) {
    const button = box.querySelector("button");
    const bars = box.querySelector(".bars");
    button.hidden = settled;
    bars.hidden = true;
    const words = box.querySelector("[role=status]");
    if (!settled) {
      words.textContent = "Commit a prediction above, or press “show it anyway”.";
      return;
    }
    const result = unseal(box.dataset.seal);
    if (result === null) {
      words.textContent = "The stored run found no result: run the lesson as a notebook.";
      return;
    }
    words.textContent = compare(guess, result, this.unit);
    if (guess !== null && typeof result === "number") this.drawBars(bars, guess, result);
  }

  drawBars(bars, guess, result) {
    const largest = Math.max(Math.abs(guess), Math.abs(result)) || 1;
    bars.replaceChildren(
      ...[["result", result], ["predicted", guess]].map(([name, value]) => {
        const row = document.createElement("div");
        const bar = document.createElement("i");
        row.textContent = `${name}: ${inWords(value, this.unit)}`;
        bar.style.width = `${(100 * Math.abs(value)) / largest}%`;
        bar.className = name;
        row.append(bar);
        return row;
      }),
    );
    bars.hidden = false;
  }
}

/* --- Quizzes ----------------------------------------------------------------------------------- */

function startQuiz(box) {
  const score = box.querySelector(".score");
  const questions = all("form", box).map((form) => ({
    form,
    inputs: all("input", form),
    feedback: unseal(form.dataset.seal),
    reply: form.querySelector("[role=status]"),
  }));
  const given = answers("quiz");
  const show = () => {
    let answered = 0;
    let right = 0;
    for (const { form, inputs, feedback, reply } of questions) {
      const place = inputs.findIndex((one) => one.value === given[form.dataset.text]);
      if (place < 0) continue;
      const [words, isRight] = feedback[place];
      inputs[place].checked = true;
      reply.textContent = `${isRight ? "✓" : "✗"} ${words}`;
      answered += 1;
      right += isRight;
    }
    answers("right").quiz = right;
    score.textContent = answered ? `${right} right of ${answered} answered.` : "";
  };
  for (const { form } of questions) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      given[form.dataset.text] = event.target.value;
      show();
      keep();
    });
  }
  show();
}

/* --- Search ------------------------------------------------------------------------------------ */

const MOST_FOUND = 30;

/* Sections that hold every word, those with the words in their title first. */
function search(entries, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const points = (entry) => {
    const title = `${entry.in} ${entry.title}`.toLowerCase();
    const rest = `${entry.text} ${entry.veiled ?? ""}`.toLowerCase();
    let sum = 0;
    for (const word of words) {
      if (title.includes(word)) sum += 10;
      else if (!rest.includes(word)) return 0;
      sum += Math.min(3, rest.split(word).length - 1);
    }
    return sum;
  };
  const found = entries.map((entry) => [points(entry), entry]).filter(([sum]) => sum);
  return found.sort((one, other) => other[0] - one[0]).map(([, entry]) => entry);
}

/* The words around the first that was found; what is veiled is never shown. */
function excerpt(entry, text) {
  const first = text.toLowerCase().split(/\s+/).find((word) => entry.text.toLowerCase().includes(word));
  const place = first ? entry.text.toLowerCase().indexOf(first) : 0;
  const from = Math.max(0, place - 50);
  const line = document.createElement("p");
  line.append(from ? "… " : "", entry.text.slice(from, place));
  if (first) {
    const mark = document.createElement("mark");
    mark.textContent = entry.text.slice(place, place + first.length);
    line.append(mark);
  }
  line.append(entry.text.slice(place + (first?.length ?? 0), place + 120));
  return line;
}

function startSearch() {
  const [box, field] = ["#search", "#search-words"].map((id) => document.querySelector(id));
  const [list, count] = ["#search-found", "#search-count"].map((id) => document.querySelector(id));
  const show = () => {
    const found = search(window.COURSE ?? [], field.value);
    list.replaceChildren(
      ...found.slice(0, MOST_FOUND).map((entry) => {
        const [row, link] = [document.createElement("li"), document.createElement("a")];
        link.href = entry.at;
        link.textContent = `${entry.in} · ${entry.title}`;
        link.addEventListener("click", () => box.close());
        row.append(link, excerpt(entry, field.value));
        return row;
      }),
    );
    const more = found.length > MOST_FOUND ? `; the first ${MOST_FOUND} are shown` : "";
    count.textContent = field.value.trim() ? `${found.length} sections${more}` : "";
  };
  const open = () => {
    if (!window.COURSE && !document.querySelector("#course")) {
      const script = Object.assign(document.createElement("script"), { id: "course" });
      script.addEventListener("load", show);
      script.src = "assets/search.js";
      document.head.append(script);
    }
    if (!box.open) box.showModal();
    field.select();
  };
  document.querySelector("#search-open").addEventListener("click", open);
  field.addEventListener("input", show);
  box.addEventListener("click", (event) => event.target === box && box.close());
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") box.close(); // else it would only empty the field
    if (event.key !== "Enter") return;
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea, alexnet-explorer");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
}

/* --- How a page looks -------------------------------------------------------------------------- */

function startTheme() {
  const root = document.documentElement;
  const button = document.querySelector("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page ${isDark() ? "light" : "dark"}`);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("alexnet-theme", root.dataset.theme);
    } catch (error) { /* it holds for this page */ }
    show();
  });
  system.addEventListener("change", show);
  show();
}

/* On a phone code begins folded, and so does the list of sections. */
function startFolds() {
  const code = all("details.code");
  const button = document.querySelector("#fold-code");
  const fold = (open) => {
    for (const one of code) one.open = open;
    if (button) button.textContent = open ? "Fold all code" : "Show all code";
  };
  const isNarrow = matchMedia("(max-width: 700px)").matches;
  if (isNarrow) fold(false);
  button?.addEventListener("click", () => fold(!code.some((one) => one.open)));
  if (!matchMedia("(min-width: 1200px)").matches) {
    for (const one of all(".toc details")) one.open = false;
  }
}

/* A word of the glossary shows its sentence when it is tapped; a second tap goes there. */
function startWords() {
  const box = document.querySelector("#word");
  let shown = null;
  const close = () => {
    box.hidden = true;
    shown = null;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.word");
    if (!link || link === shown) return link ? undefined : close();
    event.preventDefault();
    const [name, more] = [document.createElement("b"), document.createElement("a")];
    name.textContent = link.textContent;
    more.textContent = "glossary";
    more.href = link.href;
    box.replaceChildren(name, `: ${link.dataset.sentence ?? link.title} `, more);
    box.hidden = false;
    shown = link;
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
}

/* A tapped picture is shown in its own size, to be moved about; a second tap makes it fit again. */
function startPictures() {
  for (const link of all("a.picture")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      link.classList.toggle("large");
    });
  }
}

/* On the index: what was done in each lesson. */
function startCards() {
  const show = () => {
    for (const card of all(".cards li")) {
      const [line, lesson] = [card.querySelector(".done"), card.dataset.lesson];
      const made = Object.values(answers("predictions", lesson)).filter((guess) => guess !== null);
      const right = answers("right", lesson).quiz ?? 0;
      line.textContent =
        `${made.length} of ${card.dataset.predictions} predictions made, ` +
        `${right} of ${card.dataset.quiz} quiz answers right`;
      line.hidden = !made.length && !right;
    }
  };
  show();
  document.querySelector("#forget").addEventListener("click", () => {
    kept = {};
    keep();
    show();
    document.querySelector("#forgotten").textContent = "They are forgotten.";
  });
}

startTheme();
startFolds();
startSearch();
startWords();
startPictures();
for (const form of all("form.predict")) new Predict(form);
for (const box of all(".quiz")) startQuiz(box);
if (document.querySelector(".cards")) startCards();
