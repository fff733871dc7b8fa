// The playground's page. No text of a model becomes HTML: everything is set as text.
const $ = (id) => document.getElementById(id);
const SHADES = 10, FULL_SHADE = 3, MOST_ARMS = 4, REDRAW_MS = 25, GAP = 8, LEAST_PANEL = 150;
const arms = [];
let about = null, running = null, choice = null, wanted = 0;

// ---- the server ----

async function ask(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("entmin-key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const sent = body === undefined ? { headers, signal } : { method: "POST", headers, signal, body: JSON.stringify(body) };
  const answer = await fetch(`play/${path}`, sent);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  if (answer.status === 401) {
    $("keyline").hidden = false;
    $("key").focus();
  }
  throw new Refused(told?.error?.message ?? `the server answered ${answer.status}`);
}

class Refused extends Error {}

function failed(error) {
  if (error.name === "AbortError") return say("Stopped.");
  if (error instanceof Refused) return say(error.message, true);
  say("The server is gone. What it has said so far is kept here; start it again and press Run.", true);
}

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

// ---- arms: a mode with its controls, its conversation and its answer ----

function method(arm) {
  return about.methods.find((one) => one.name === arm.method);
}

function mode(arm) {
  return JSON.stringify({ method: arm.method, ...arm.settings });
}

function short(arm) {
  const changed = [...method(arm).settings, ...about.sampling].filter((one) => arm.settings[one.name] !== one.default);
  return [arm.method, ...changed.map((one) => `${one.name}=${arm.settings[one.name]}`)].join(":");
}

function defaults(name) {
  const found = about.methods.find((one) => one.name === name);
  return Object.fromEntries([...found.settings, ...about.sampling].map((one) => [one.name, one.default]));
}

function addArm(name, settings = {}) {
  const root = $("arm").content.firstElementChild.cloneNode(true);
  const arm = { root, method: name, settings: { ...defaults(name), ...settings }, history: [], tokens: [], ended: "", said: "", messages: [] };
  arm.find = (selector) => root.querySelector(selector);
  arms.push(arm);
  $("arms").append(root);
  for (const one of about.methods) arm.find(".method").add(new Option(one.name, one.name));
  arm.find(".method").value = name;
  arm.find(".method").addEventListener("change", (event) => {
    const kept = Object.fromEntries(about.sampling.map((one) => [one.name, arm.settings[one.name]]));
    arm.method = event.target.value;
    arm.settings = { ...defaults(arm.method), ...kept };
    drawControls(arm);
    changed(arm);
  });
  arm.find(".preset").addEventListener("change", (event) => {
    Object.assign(arm.settings, defaults(arm.method), method(arm).presets[event.target.value]);
    drawControls(arm);
    changed(arm);
  });
  arm.find(".remove").addEventListener("click", () => {
    arms.splice(arms.indexOf(arm), 1);
    choose(null); // the panel may lie in what goes away
    root.remove();
    nameArms();
    remember();
  });
  arm.find(".settings").open = matchMedia("(min-width: 64rem)").matches;
  listen(arm);
  drawControls(arm);
  nameArms();
  return arm;
}

function nameArms() {
  arms.forEach((arm, i) => {
    const letter = String.fromCharCode(65 + i);
    arm.root.setAttribute("aria-label", `Mode ${letter}`);
    arm.find(".method").setAttribute("aria-label", `Method of mode ${letter}`);
    arm.find(".preset").setAttribute("aria-label", `Preset of mode ${letter}`);
    arm.find(".remove").setAttribute("aria-label", `Remove mode ${letter}`);
    arm.find(".remove").hidden = arms.length === 1;
    arm.find(".answer").setAttribute("aria-label", `Answer of mode ${letter}; arrow keys move through its tokens, Enter chooses a step`);
  });
  $("add").disabled = arms.length >= MOST_ARMS || running !== null;
}

function drawControls(arm) {
  const { presets, settings, summary } = method(arm);
  const choosing = arm.find(".preset");
  choosing.replaceChildren(new Option("preset…", ""), ...Object.keys(presets).map((name) => new Option(name, name)));
  choosing.hidden = Object.keys(presets).length === 0;
  arm.find(".summary").textContent = summary;
  arm.find(".mode").textContent = short(arm);
  arm.find(".sliders").replaceChildren(...[...settings, ...about.sampling].map((one) => control(arm, one)));
}

let controls = 0;
function control(arm, one) {
  const box = document.createElement("div"), row = document.createElement("div");
  const label = document.createElement("label"), meaning = document.createElement("small");
  const id = `control${controls++}`;
  box.className = "setting";
  box.dataset.name = one.name;
  row.className = "row";
  label.textContent = one.name;
  label.htmlFor = id;
  meaning.textContent = one.meaning;
  const inputs = made(one);
  inputs.forEach((input, i) => {
    if (i) input.setAttribute("aria-label", `${one.name}, slider`);
    else input.id = id;
    write(input, arm.settings[one.name]);
    input.addEventListener("input", () => {
      const value = read(input, one);
      if (value === null) return;
      arm.settings[one.name] = value;
      for (const other of inputs) if (other !== input) write(other, value);
      changed(arm);
    });
  });
  row.append(...inputs.reverse());
  box.append(label, row, meaning);
  return box;
}

function made(one) {
  if (one.choices) {
    const select = document.createElement("select");
    for (const word of one.choices) select.add(new Option(word, word));
    return [select];
  }
  const exact = document.createElement("input");
  if (one.kind === "bool") {
    exact.type = "checkbox";
    return [exact];
  }
  if (one.kind === "str") return [exact];
  const slider = document.createElement("input");
  exact.type = "number";
  slider.type = "range";
  const whole = one.kind === "int" || one.name === "top_k";
  exact.step = whole ? "1" : "any";
  if (one.low !== null) exact.min = slider.min = one.low;
  if (one.high !== null) exact.max = one.high;
  slider.max = one.upto ?? 10;
  slider.step = whole ? 1 : (slider.max - (one.low ?? 0)) / 200;
  return [exact, slider];
}

function read(input, one) {
  if (input.type === "checkbox") return input.checked;
  if (input.type !== "range" && input.type !== "number") return input.value;
  const value = input.valueAsNumber;
  return Number.isNaN(value) || (input.type === "number" && !input.validity.valid) ? null : Number(value.toPrecision(4));
}

function write(input, value) {
  if (input.type === "checkbox") input.checked = value;
  else input.value = value;
}

function changed(arm) {
  arm.find(".mode").textContent = short(arm);
  remember();
  if (choice?.arm === arm) redraw();
}

// ---- answers ----

function shade(span, token) {
  const level = (value) => Math.min(SHADES, Math.floor((SHADES * value) / FULL_SHADE));
  span.className = `t b${level(token.before)} a${level(token.after)}${token.special ? " special" : ""}`;
}

function addToken(arm, token) {
  const span = document.createElement("span");
  span.textContent = token.special ? token.name : token.text;
  shade(span, token);
  arm.tokens.push({ ...token, span });
  arm.find(".answer").append(span);
}

function clear(arm) {
  arm.tokens = [];
  arm.means = null;
  arm.ended = arm.said = "";
  arm.find(".answer").replaceChildren();
  arm.find(".caption").textContent = "";
  arm.find(".line").hidden = true;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const ENDS = { stop: "it came to its end", max_tokens: "it came to the limit of tokens", model_length: "the model takes no more", stopped: "stopped" };

function caption(arm) {
  if (!arm.tokens.length) return;
  const [before, after] = ["before", "after"].map((name) => (arm.means?.[name] ?? mean(arm.tokens.map((one) => one[name]))).toFixed(2));
  const known = !about.remote ? `${before} → ${after}` : arm.means ? `${before} → ${after} (told by the server)` : `at least ${before}`;
  const tail = arm.ended ? `; ${ENDS[arm.ended] ?? arm.ended}` : "";
  arm.find(".caption").textContent = `${arm.tokens.length} tokens, entropy ${known} nats${tail}`;
}

function lines() {
  const high = Math.max(1, ...arms.flatMap((arm) => arm.tokens.map((one) => Math.max(one.before, one.after))));
  const long = Math.max(2, ...arms.map((arm) => arm.tokens.length));
  for (const arm of arms) {
    arm.find(".line").hidden = arm.tokens.length < 2;
    for (const name of ["before", "after"]) {
      const known = about.remote && name === "after" ? [] : arm.tokens;
      const points = known.map((one, i) => `${((i * 600) / (long - 1)).toFixed(1)},${(86 - (82 * one[name]) / high).toFixed(1)}`);
      arm.find(`polyline.${name}`).setAttribute("points", points.join(" "));
    }
    arm.find(".top").textContent = `Entropy along the answer${about.remote ? ", at least" : ""}, 0 to ${high.toFixed(1)} nats.`;
    arm.find(".key.after").hidden = Boolean(about.remote);
    arm.find("svg").setAttribute("aria-label", `Entropy along the answer. ${arm.find(".caption").textContent}`);
    arm.long = long;
  }
  mark();
}

function mark() {
  for (const arm of arms) {
    const x = choice?.arm === arm ? (choice.at * 600) / ((arm.long ?? 2) - 1) : -9;
    for (const end of ["x1", "x2"]) arm.find(".now").setAttribute(end, x);
  }
}

let frame = 0;
function soon() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    arms.forEach(caption);
    lines();
  });
}

function said(arm) {
  return arm.ended && arm.ended !== "stopped" ? arm.said : arm.tokens.filter((one) => !one.special).map((one) => one.text).join("");
}

async function run(follows) {
  const question = $("question").value;
  if (running) return;
  if (!question.trim()) return say("Write a prompt first.", true);
  choose(null);
  for (const arm of arms) {
    if (!follows) arm.history = [];
    else if (arm.tokens.length) arm.history = [...arm.messages.filter((one) => one.role !== "system"), { role: "assistant", content: said(arm) }];
    const system = $("system").value.trim() ? [{ role: "system", content: $("system").value }] : [];
    arm.messages = [...system, ...arm.history, { role: "user", content: question }];
    arm.ran = { mode: mode(arm), seed: Number($("seed").value) || 0 };
    clear(arm);
    tell(arm);
  }
  running = new AbortController();
  busy(true);
  say("Waiting for the first token…");
  try {
    await stream(running.signal);
    say("Done.");
  } catch (error) {
    for (const arm of arms) arm.ended ||= arm.tokens.length ? "stopped" : "";
    failed(error);
  } finally {
    running = null;
    busy(false);
    soon();
    remember();
  }
}

async function stream(signal) {
  const asked = arms.slice();
  const body = { arms: asked.map((arm) => ({ mode: arm.ran.mode, messages: arm.messages })), max_tokens: Number($("limit").value) || 256, seed: asked[0].ran.seed };
  const answer = await ask("stream", body, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream broke off");
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      take(asked, JSON.parse(data));
    }
    soon();
  }
}

function take(asked, event) {
  if (event.error) throw new Refused(event.error.message);
  if (event.modes) return asked.forEach((arm, i) => (arm.ran.shown = event.modes[i]));
  const arm = asked[event.arm];
  if (event.ended) {
    arm.ended = event.ended;
    arm.said = event.said;
    arm.means = event.means ?? null;
    const last = arm.tokens.findLast((one) => !one.special);
    if (event.text && last) last.span.textContent = last.text += event.text;
    return arm.find(".answer").removeAttribute("aria-busy");
  }
  if (!arm.tokens.length) say("Streaming…");
  addToken(arm, event);
}

function tell(arm) {
  arm.find(".history").replaceChildren(
    ...arm.history.map((turn) => {
      const line = document.createElement("p"), who = document.createElement("b");
      who.textContent = `${turn.role}: `;
      line.append(who, turn.content);
      return line;
    }),
  );
}

function busy(on) {
  $("stop").disabled = !on;
  for (const id of ["run", "share", "add"]) $(id).disabled = on;
  const any = arms.some((arm) => arm.tokens.length);
  $("follow").disabled = $("save").disabled = on || !any;
  for (const arm of arms) {
    arm.find(".remove").disabled = on;
    if (on) arm.find(".answer").setAttribute("aria-busy", "true");
    else arm.find(".answer").removeAttribute("aria-busy");
  }
  if (!on) nameArms();
}

// ---- one step: its alternatives, and how it would be under the present settings ----

function choose(arm, at = 0, pinned = false) {
  for (const one of document.querySelectorAll(".t.here, .t.chosen")) one.classList.remove("here", "chosen");
  choice = arm ? { arm, at, pinned } : null;
  const panel = $("token");
  panel.hidden = !choice;
  (arm ?? arms[0]).root.insertBefore(panel, (arm ?? arms[0]).find(".settings"));
  if (choice) {
    arm.tokens[at].span.classList.add(pinned ? "chosen" : "here");
    show(arm.tokens[at], arm.tokens[at]);
    fit(pinned);
    if (pinned && mode(arm) !== arm.ran.mode) redraw();
  }
  mark();
}

// The panel takes the room below the answer and its caption, so that no line of them is covered. For a step that was chosen the page moves
// up where that is too little, as far as the token stays in sight; under a pointer it must not move.
function fit(move) {
  const panel = $("token"), above = choice.arm.find(".caption"), span = choice.arm.tokens[choice.at].span;
  const room = () => innerHeight - above.getBoundingClientRect().bottom - 2 * GAP;
  panel.style.maxHeight = "";
  const whole = panel.offsetHeight;
  if (move && room() < whole) scrollBy(0, Math.min(whole - room(), span.getBoundingClientRect().top - GAP));
  if (room() < whole) panel.style.maxHeight = `${Math.max(room(), LEAST_PANEL)}px`;
}

const chance = (logp) => (logp === null ? 0 : Math.exp(logp));

function show(ran, drawn) {
  const panel = $("token"), scrolled = panel.scrollTop;
  const title = document.createElement("div"), head = document.createElement("h2"), close = document.createElement("button");
  title.className = "title";
  head.textContent = `Step ${choice.at + 1}: “${ran.name.replace(/\n/g, "⏎")}”`;
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => choose(null));
  title.append(head, close);
  const numbers = document.createElement("p");
  numbers.className = "numbers";
  numbers.textContent = about.remote
    ? `At least ${drawn.before.toFixed(2)} nats before the method, by the ${drawn.top.length} likeliest tokens; this token ${chance(ran.p).toFixed(3)}`
    : `${drawn.before.toFixed(2)} nats before, ${drawn.after.toFixed(2)} after; this token ${chance(ran.p).toFixed(3)} → ${ran === drawn ? chance(ran.q).toFixed(3) : found(drawn, ran.id)}`;
  panel.replaceChildren(title, numbers);
  if (about.remote && mode(choice.arm) !== choice.arm.ran.mode) {
    const none = document.createElement("p");
    none.className = "would";
    none.textContent = about.remote.step;
    panel.append(none);
  }
  if (ran !== drawn) {
    const would = document.createElement("p");
    would.className = "would";
    would.textContent =
      drawn.id === ran.id ? `Under ${drawn.mode} the same token is drawn.` : `Under ${drawn.mode} “${drawn.name.replace(/\n/g, "⏎")}” is drawn instead.`;
    panel.append(would);
  }
  panel.append(bars(ran, drawn));
  panel.scrollTop = scrolled;
}

function found(drawn, id) {
  if (drawn.id === id) return chance(drawn.q).toFixed(3);
  const listed = drawn.top.find((one) => one[0] === id);
  return listed ? chance(listed[3]).toFixed(3) : "not among the likeliest";
}

function bars(ran, drawn) {
  const table = document.createElement("table");
  const both = !about.remote;
  table.createCaption().textContent = `Probability in the model's own distribution${both ? " (grey) and in the one drawn from" : ""}; ✓ is drawn.`;
  for (const [id, name, p, q] of drawn.top) {
    const row = table.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name.replace(/\n/g, "⏎").replace(/^ /, "␣") + (id === drawn.id ? " ✓" : "");
    row.className = id === drawn.id ? "drawn" : "";
    row.append(head);
    const drawing = row.insertCell();
    drawing.className = "bars";
    for (const [kind, value] of both ? [["was", p], ["is", q]] : [["was", p]]) {
      const bar = document.createElement("div");
      bar.className = kind;
      bar.style.width = `${100 * chance(value)}%`;
      drawing.append(bar);
    }
    row.insertCell().textContent = both ? `${chance(p).toFixed(3)} → ${chance(q).toFixed(3)}` : chance(p).toFixed(3);
  }
  return table;
}

let waiting = 0;
function redraw() {
  choice.pinned = true;
  choice.arm.tokens[choice.at].span.classList.replace("here", "chosen");
  if (about.remote) return show(choice.arm.tokens[choice.at], choice.arm.tokens[choice.at]);
  clearTimeout(waiting);
  waiting = setTimeout(draw, REDRAW_MS);
}

async function draw() {
  if (!choice) return;
  const { arm, at } = choice, number = ++wanted;
  const body = { mode: mode(arm), messages: arm.messages, tokens: arm.tokens.slice(0, at).map((one) => one.id), seed: arm.ran.seed };
  try {
    const drawn = await (await ask("step", body)).json();
    if (number === wanted && choice?.arm === arm && choice.at === at) show(arm.tokens[at], drawn);
  } catch (error) {
    failed(error);
  }
}

function listen(arm) {
  const answer = arm.find(".answer");
  const at = (target) => arm.tokens.findIndex((one) => one.span === target);
  answer.addEventListener("pointerover", (event) => {
    const place = at(event.target);
    if (place >= 0 && !choice?.pinned) choose(arm, place);
  });
  answer.addEventListener("click", (event) => {
    const place = at(event.target);
    if (place < 0) return;
    if (choice?.pinned && choice.arm === arm && choice.at === place) choose(null);
    else choose(arm, place, true);
  });
  answer.addEventListener("keydown", (event) => {
    const last = arm.tokens.length - 1, here = choice?.arm === arm ? choice.at : -1;
    if (event.key === "Escape") return choose(null);
    if (event.key === "Enter" && here >= 0) return choose(arm, here, true);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    choose(arm, Math.max(0, Math.min(last, to)));
    arm.tokens[choice.at].span.scrollIntoView({ block: "nearest" });
  });
  arm.find("svg").addEventListener("click", (event) => {
    const box = arm.find("svg").getBoundingClientRect();
    const place = Math.round(((event.clientX - box.left) / box.width) * ((arm.long ?? 2) - 1));
    if (arm.tokens.length) choose(arm, Math.max(0, Math.min(arm.tokens.length - 1, place)), true);
  });
}

// ---- the address: everything that is needed to ask the same again ----

function address() {
  const state = new URLSearchParams();
  if ($("question").value) state.set("q", $("question").value);
  if ($("system").value) state.set("system", $("system").value);
  state.set("n", $("limit").value);
  state.set("seed", $("seed").value);
  for (const arm of arms) {
    const from = defaults(arm.method);
    const settings = Object.fromEntries(Object.entries(arm.settings).filter(([name, value]) => from[name] !== value));
    state.append("arm", JSON.stringify({ method: arm.method, ...settings }));
  }
  return `#${state}`;
}

function remember() {
  history.replaceState(null, "", address());
  const kept = arms.map(({ method, history, messages, tokens, ended, said, means, ran }) => ({
    method, history, messages, ended, said, means, ran, tokens: tokens.map(({ span, ...rest }) => rest),
  }));
  try {
    sessionStorage.setItem("entmin-answers", JSON.stringify({ hash: location.hash, kept }));
  } catch {
    sessionStorage.removeItem("entmin-answers"); // more than the browser takes: a reload asks again
  }
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  $("question").value = state.get("q") ?? "";
  $("system").value = state.get("system") ?? (location.hash ? "" : about.system);
  $("more").open = $("system").value !== "";
  for (const [id, name] of [["limit", "n"], ["seed", "seed"]]) if (/^-?\d+$/.test(state.get(name) ?? "")) $(id).value = state.get(name);
  for (const text of state.getAll("arm").slice(0, MOST_ARMS)) readArm(text);
  if (arms.length) return restore();
  const own = Object.fromEntries(Object.entries(about.mode).map(([name, value]) => [name.replace(/^entmin_/, ""), value]));
  const { method: name, seed, ...settings } = own;
  if (seed !== undefined) $("seed").value = seed;
  if (name !== "normal") addArm("normal", Object.fromEntries(about.sampling.map((one) => [one.name, settings[one.name]])));
  addArm(name, settings);
}

function readArm(text) {
  try {
    const { method: name, ...settings } = JSON.parse(text);
    const known = defaults(name);
    const strange = Object.keys(settings).filter((key) => !(key in known) || typeof settings[key] !== typeof known[key]);
    if (strange.length) say(`The link has settings that ${name} does not have here: ${strange.join(", ")}. They are left out.`, true);
    addArm(name, Object.fromEntries(Object.entries(settings).filter(([key]) => !strange.includes(key))));
  } catch {
    say("The link has a mode that this server does not know; it is left out.", true);
  }
}

function restore() {
  let saved = null;
  try {
    saved = JSON.parse(sessionStorage.getItem("entmin-answers"));
  } catch { /* not ours */ }
  if (saved?.hash !== location.hash || saved.kept.length !== arms.length) return;
  saved.kept.forEach(({ tokens, ...rest }, i) => {
    Object.assign(arms[i], rest);
    tokens.forEach((token) => addToken(arms[i], token));
    tell(arms[i]);
  });
  soon();
}

async function share() {
  remember();
  $("shared").hidden = false;
  $("link").value = location.href;
  $("link").select();
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied. It holds the prompt and the settings, not the answers.");
  } catch {
    say("Copy the link below. It holds the prompt and the settings, not the answers.");
  }
}

async function save() {
  const rows = arms.filter((arm) => arm.tokens.length).map((arm) => ({
    mode: arm.ran.shown ?? short(arm),
    tokens: arm.tokens.map((one) => [one.special ? one.name : one.text, one.before, one.after, one.top.slice(0, 10).map(([, name, p, q]) => [name, chance(p), about.remote ? null : chance(q)])]),
  }));
  const facts = [["seed", String(arms[0].ran?.seed ?? 0)], ...($("system").value ? [["system prompt", $("system").value]] : []), ["link", location.hash]];
  const asked = arms.find((arm) => arm.messages.length)?.messages.at(-1).content ?? "";
  try {
    const answer = await ask("export", { question: asked, arms: rows, facts });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "entmin-playground.html";
    link.click();
    URL.revokeObjectURL(link.href);
    say("Saved.");
  } catch (error) {
    failed(error);
  }
}

// ---- start ----

async function start() {
  try {
    about = await (await ask("about")).json();
  } catch (error) {
    return failed(error);
  }
  $("keyline").hidden = true;
  $("model").textContent = `· ${about.model}`;
  document.title = `${about.model}: entmin playground`;
  $("remote").hidden = !about.remote;
  $("remote").textContent = about.remote?.notice ?? "";
  $("which").hidden = Boolean(about.remote);
  say("");
  recall();
  busy(false);
}

$("unlock").addEventListener("click", () => {
  sessionStorage.setItem("entmin-key", $("key").value);
  start();
});
$("key").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  $("unlock").click();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run(false);
});
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(false);
});
$("follow").addEventListener("click", () => run(true));
$("stop").addEventListener("click", () => running?.abort());
$("add").addEventListener("click", () => {
  addArm("normal");
  busy(false);
  remember();
});
$("share").addEventListener("click", share);
$("save").addEventListener("click", save);
$("which").addEventListener("click", () => $("which").setAttribute("aria-pressed", String(document.body.classList.toggle("after"))));
for (const id of ["question", "system", "limit", "seed"]) $(id).addEventListener("change", remember);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && choice) choose(null);
});
addEventListener("pagehide", () => about && remember());
addEventListener("hashchange", () => location.reload());
start();
