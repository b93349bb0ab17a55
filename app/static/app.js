// The search page. Whatever comes from visitors or documents is inserted as text, never as markup.

const IDLE_MS = 30 * 60 * 1000; // a session ends after so long without a query
const RESULTS = 10;
const KEPT = 20; // number of answers kept for a reload and for going back
const TERMS = 6; // number of words listed, of a rewrite and of earlier searches
const NAMED = 4; // number of words of a rewrite in the headline
const VERSIONS = 5; // number of versions with figures, those with most sessions
const TIMES = 40; // number of searches in the plot of latencies

const REASONS = {
  applied: "These words are searched, too, each with little weight; your own words count most.",
  mode_off: "You asked for the query exactly as typed.",
  no_model: "No rewriter is loaded, so queries are searched as typed.",
  empty_query: "The query has no searchable word.",
  query_too_long: "The query is too long to be rewritten.",
  empty_rewrite: "The rewriter knows none of these words.",
  gated: "The rewriter expects no gain from other words.",
  over_budget: "Rewriting would have taken too long, so the query was searched as typed.",
  error: "Rewriting failed, so the query was searched as typed.",
  breaker_open: "The rewriter failed several times and pauses for a moment, so the query was searched as typed.",
};
const LATE = ["over_budget", "error", "breaker_open"]; // reasons that may not apply to the next try

const $ = (id) => document.getElementById(id);
const state = {
  answer: null, kept: recall("answers") ?? [], session: loadSession(), latest: 0, opened: 0, pending: null,
  source: "live", info: null, from: null, seen: new Set(), times: [],
};

// ---- elements, calls and storage

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function linkButton(text, act) {
  return element("button", { type: "button", class: "link", onclick: act }, text);
}

async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), keepalive: true,
  };
  const response = await fetch(path, options);
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail || problem.title || `The service answered ${response.status}.`);
}

function remember(key, value) {
  try { value === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* private mode has no storage */ }
}

function recall(key) {
  try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
}

// ---- sessions: a visitor's need, from the first query to the click

function loadSession() {
  const stored = recall("session");
  const usable = stored && Array.isArray(stored.turns) && !stored.clicked && Date.now() - stored.time < IDLE_MS;
  return usable ? stored : { id: null, turns: [], clicked: false, time: 0 };
}

function sessionOver() {
  return state.session.clicked || Date.now() - state.session.time > IDLE_MS;
}

function beginSession() {
  state.session = { id: null, turns: [], clicked: false, time: 0 };
  remember("session", null);
  showSession();
}

function noteTurn(answer, mode) {
  const rewrite = answer.rewrite;
  state.session.id = answer.session_id;
  state.session.time = Date.now();
  state.session.turns.push({ id: answer.query_id, query: answer.query, correction: rewrite.correction, mode, clicked: false });
  remember("session", state.session);
  showSession();
}

function noteClick(queryId) {
  const turn = state.session.turns.find(({ id }) => id === queryId);
  if (!turn) return; // the click belongs to an earlier session
  turn.clicked = state.session.clicked = true;
  remember("session", state.session);
  showSession();
}

function showSession() {
  const { turns } = state.session;
  $("session").hidden = turns.length === 0;
  $("session").querySelector("ol").replaceChildren(...turns.map((turn) => {
    const again = element("button", { type: "button", onclick: () => go(turn.query, turn.mode) }, turn.query || "(empty)");
    const item = element("li", { class: turn.clicked ? "clicked" : undefined }, again);
    if (turn.clicked) item.append(element("span", {}, "clicked"));
    else if (turn.mode === "off") item.append(element("span", {}, "as typed"));
    else if (turn.correction) item.append(element("span", {}, turn.correction));
    return item;
  }));
}

// ---- searching

function go(query, mode = "auto") {
  const address = addressOf(query, mode);
  $("query").value = query;
  if (address === state.pending) return undefined; // Enter was pressed twice
  if (address !== location.search) history.pushState(null, "", `/${address}`);
  const answer = keptAnswer(address);
  const same = answer && !sessionOver() && answer.session_id === state.session.id;
  return same ? show(answer) : search(query, mode);
}

function addressOf(query, mode) {
  const parameters = new URLSearchParams({ q: query });
  if (mode !== "auto") parameters.set("mode", mode);
  return `?${parameters}`;
}

/* The kept answer to the query in an address: a reload, going back, and the same query again in its session search nothing anew. */
function keptAnswer(address) {
  return state.kept.find((entry) => entry.address === address && Date.now() - entry.time < IDLE_MS)?.answer;
}

function keep(address, answer) {
  const others = state.kept.filter((entry) => entry.address !== address && Date.now() - entry.time < IDLE_MS);
  state.kept = [{ address, answer, time: Date.now() }, ...others].slice(0, KEPT);
  remember("answers", state.kept);
}

function anew(query, mode = "auto") {
  beginSession();
  return search(query, mode);
}

async function search(query, mode) {
  const turn = ++state.latest;
  const address = state.pending = addressOf(query, mode);
  if (sessionOver()) beginSession();
  showView("results", query);
  const waiting = setTimeout(() => { if (turn === state.latest) showWaiting(); }, 150);
  try {
    const answer = await ask(query, mode);
    if (turn !== state.latest) return;
    keep(address, answer);
    noteTurn(answer, mode);
    showLatency(answer.timings_ms.total);
    show(answer);
  } catch (error) {
    if (turn === state.latest) showFailure(error, () => search(query, mode));
  } finally {
    clearTimeout(waiting);
  }
  showFigures();
}

function ask(query, mode) {
  const body = { query, k: RESULTS, mode, compare: true };
  if (state.session.id) body.session_id = state.session.id;
  return call("/v1/search", body);
}

/* Stop waiting: an answer that still arrives is not shown. */
function settle() {
  state.latest++;
  state.pending = null;
  $("loading").hidden = true;
  $("results").removeAttribute("aria-busy");
}

function show(answer) {
  settle();
  state.answer = answer;
  showView("results", answer.query);
  showAnswer();
}

function showView(name, query) {
  const title = state.info?.title ?? "untilclick";
  document.body.dataset.view = name;
  document.title = query ? `${query} · ${title}` : title;
}

function showStart() {
  settle();
  state.answer = null;
  showView("start");
  document.body.dataset.compare = "false";
  $("results").replaceChildren();
  $("notice").hidden = $("message").hidden = true;
  $("query").value = "";
}

function showWaiting() {
  $("loading").hidden = false;
  $("message").hidden = $("notice").hidden = true;
  $("results").replaceChildren();
  $("results").setAttribute("aria-busy", "true");
}

function showAnswer() {
  const { answer } = state;
  const comparing = $("compare").getAttribute("aria-checked") === "true" && answer.rewrite.applied;
  document.body.dataset.compare = String(comparing);
  showNotice(answer);
  $("results").replaceChildren(...(comparing ? [columns(answer)] : [list(answer.results, null)]));
  const n = answer.results.length;
  $("message").hidden = n > 0;
  if (n === 0) showNothing(answer);
  $("status").textContent = n === 0 ? "No results" : `${n} results`;
}

function showNotice(answer) {
  const { query, rewrite, results } = answer;
  const { applied, reason } = rewrite;
  $("notice").hidden = reason === "empty_query";
  $("compare").parentElement.hidden = !applied;
  const showing = applied
    ? ["Showing results for ", ...searched(query, rewrite), ...earlier(query, rewrite), instead(query, rewrite)]
    : [reason === "mode_off" ? "Results for " : "Results as typed for ", element("strong", {}, query)];
  if (reason === "mode_off" && state.info?.rewriter_version) showing.push(also("exactly as typed. ", linkButton("Let it be rewritten", () => go(query))));
  if (LATE.includes(reason) && results.length) showing.push(also("It could not be rewritten this time. ", searchAgain(query)));
  $("showing").replaceChildren(...showing);
  showWhy(answer);
}

function showWhy({ query, rewrite, timings_ms: timings }) {
  const { applied, correction, context, n_terms: n, reason, terms } = rewrite;
  $("why").querySelector("summary").textContent = applied ? "Why was it rewritten?" : "Why was it not rewritten?";
  $("corrected").hidden = !correction;
  $("corrected").replaceChildren("Words that no document contains were corrected: ", ...(correction ? corrections(query, correction) : []));
  $("reason").hidden = applied && n === 0;
  $("reason").textContent = REASONS[reason] ?? reason;
  showTerms(terms, n);
  $("context").hidden = context.length === 0;
  $("context").textContent = `Words of your earlier searches count a little: ${context.join(", ")}.`;
  const version = rewrite.rewriter_version ? ` · rewriter ${rewrite.rewriter_version}` : "";
  $("timings").textContent = `${timings.total.toFixed(1)} ms, of which rewriting ${timings.rewrite.toFixed(1)} ms${version}`;
}

function showTerms(terms, n) {
  const listed = terms.slice(0, TERMS);
  const heaviest = Math.max(...listed.map(({ weight }) => weight));
  $("terms").replaceChildren(...listed.map(({ term, weight }) =>
    element("li", {}, element("span", { class: "term" }, term), bar(weight / heaviest))));
  if (n > listed.length) $("terms").append(element("li", {}, element("span", { class: "small" }, `and ${n - listed.length} lighter`)));
}

/* Each misspelt word with its correction; the whole query if words were split or joined. */
function corrections(query, correction) {
  const [typed, meant] = [query, correction].map((text) => text.trim().split(/\s+/));
  const pairs = typed.length === meant.length ? typed.map((word, i) => [word, meant[i]]) : [[query.trim(), correction]];
  const changed = pairs.filter(([before, after]) => before.toLowerCase() !== after.toLowerCase());
  return changed.flatMap(([before, after], i) => [i ? ", " : "", `${before} → `, element("strong", {}, after)]);
}

function bar(share) {
  const filled = element("i");
  filled.style.width = `${share * 100}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/* The headline: the query or its correction, then the added words, if any of them has much weight. */
function searched(query, rewrite) {
  const meant = rewrite.correction ?? query;
  const words = outstanding(rewrite.terms, meant);
  if (!words.length) return [readable(query, meant)];
  const more = rewrite.n_terms > words.length ? ", …" : "";
  return [readable(query, meant), also("With related words: ", element("span", { class: "added" }, words.join(", ") + more))];
}

/* Words with a tenth of the weight, or twice the median weight. If hundreds of words weigh alike, none is named. */
function outstanding(terms, meant) {
  const median = terms[terms.length >> 1]?.weight; // terms come heaviest first
  const present = new Set(meant.toLowerCase().split(/\s+/));
  const large = terms.filter(({ term, weight }) => !present.has(term) && (weight >= 0.1 || weight >= 2 * median));
  return large.slice(0, NAMED).map(({ term }) => term);
}

function earlier(query, { context }) {
  if (!context.length) return [];
  const words = element("span", { class: "added" }, context.slice(0, TERMS).join(", ") + (context.length > TERMS ? ", …" : "."));
  return [also("With words of your earlier searches: ", words, " ", linkButton("Leave them out", () => anew(query)))];
}

function instead(query, rewrite) {
  const label = rewrite.correction ? query : "exactly as typed";
  return also(rewrite.correction ? "Search instead for " : "Search ", linkButton(label, () => go(query, "off")));
}

function also(...parts) {
  return element("span", { class: "also" }, ...parts);
}

function searchAgain(query) {
  return linkButton("Search again", () => search(query, "auto"));
}

function readable(query, text) {
  const typed = new Set(query.toLowerCase().split(/\s+/));
  const parts = text.split(/\s+/).flatMap((word, i) => {
    const shown = typed.has(word.toLowerCase()) ? word : element("span", { class: "added" }, word);
    return i ? [" ", shown] : [shown];
  });
  return element("strong", {}, ...parts);
}

function columns({ query, rewrite, results, original_results: original }) {
  const before = new Map(original.map((entry) => [entry.doc_id, entry.rank]));
  const after = new Map(results.map((entry) => [entry.doc_id, entry.rank]));
  return element("div", { class: "columns" },
    element("section", { "aria-label": "As typed" },
      element("h2", {}, "As typed", element("small", {}, query)),
      list(original, (entry) => (after.has(entry.doc_id) ? null : ["gone", "only here"]))),
    element("section", { "aria-label": "Rewritten" },
      element("h2", {}, "Rewritten", element("small", {}, rewrite.correction ?? query, rewrite.n_terms ? `, ${rewrite.n_terms} related words` : "")),
      list(results, (entry) => move(before.get(entry.doc_id), entry.rank))));
}

function move(before, after) {
  if (before === undefined) return ["new", "new"];
  if (before > after) return ["up", `▲ ${before - after}`];
  return before < after ? ["down", `▼ ${after - before}`] : null;
}

function list(results, note) {
  return element("ol", { class: "list" }, ...results.map((entry) => result(entry, note?.(entry))));
}

/* Let long names break after dots, underscores and slashes. */
function breakable(name) {
  return name.split(/(?<=[^._/][._/]+)(?=[^._/])/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
}

function result(entry, note) {
  const title = entry.title || entry.doc_id;
  const open = element("button", { type: "button", class: "open", "data-doc": entry.doc_id }, ...breakable(title));
  const heading = element("h3", {}, open);
  const item = element("li", { class: "result" }, element("span", { class: "rank", "aria-hidden": "true" }, String(entry.rank)), heading);
  if (state.seen.has(entry.doc_id)) item.classList.add("seen");
  if (note) open.append(" ", element("span", { class: `move ${note[0]}` }, note[1]));
  if (title !== entry.doc_id) item.append(element("p", { class: "id" }, ...breakable(entry.doc_id)));
  item.append(element("p", { class: "snippet" }, ...entry.snippet.map((piece) => (piece.hit ? element("mark", {}, piece.text) : piece.text))));
  item.addEventListener("click", () => { if (!String(getSelection())) openDocument(entry, open); });
  return item;
}

function showNothing({ query, rewrite }) {
  const offer = $("message").querySelector(".actions");
  if (rewrite.reason === "empty_query") {
    message("No word to search for", `“${query.trim()}” has no word that can be searched for. Add a word that says what you mean.`);
  } else if (LATE.includes(rewrite.reason)) {
    message("Nothing found for the words as typed", `${REASONS[rewrite.reason]} Misspelt words were not corrected.`);
    offer.append(searchAgain(query));
  } else {
    message("Nothing found", "No document matches these words. Other words for the same thing may find one.");
    if (rewrite.applied) offer.append(linkButton("Search exactly as typed", () => go(query, "off")));
  }
}

function showFailure(error, retry) {
  settle();
  $("notice").hidden = true;
  $("results").replaceChildren();
  const away = error instanceof TypeError;
  message(away ? "The service cannot be reached" : "That did not work", away ? "Is it still running, and are you online?" : error.message);
  $("message").querySelector(".actions").append(linkButton("Try again", retry));
  $("status").textContent = "The search failed";
}

function message(title, text) {
  const box = $("message");
  box.querySelector("h2").textContent = title;
  box.querySelector("p").textContent = text;
  box.querySelector(".actions").replaceChildren();
  box.hidden = false;
}

// ---- documents

async function openDocument(entry, opener) {
  const turn = ++state.opened;
  state.from = opener;
  state.seen.add(entry.doc_id);
  opener.closest(".result").classList.add("seen");
  if (entry.click_token) reportClick(entry.click_token, state.answer.query_id);
  $("reader-id").replaceChildren(...(entry.title && entry.title !== entry.doc_id ? breakable(entry.doc_id) : []));
  $("reader-title").replaceChildren(...breakable(entry.title || entry.doc_id));
  $("reader-text").textContent = "…";
  $("reader").showModal();
  $("reader-text").focus();
  try {
    const { text } = await call(`/v1/documents/${pathOf(entry.doc_id)}`);
    if (turn !== state.opened) return;
    $("reader-text").textContent = text;
    $("reader-text").scrollTop = 0;
  } catch (error) {
    if (turn === state.opened) $("reader-text").textContent = `This document cannot be shown. ${error.message}`;
  }
}

/* Slashes stay unencoded if possible, since some proxies refuse encoded ones; segments "." and ".." must be encoded, since browsers resolve them. */
function pathOf(id) {
  const segments = id.split("/");
  return segments.some((segment) => segment === "." || segment === "..") ? encodeURIComponent(id) : segments.map(encodeURIComponent).join("/");
}

async function reportClick(token, queryId) {
  try {
    await call("/v1/click", { click_token: token });
    noteClick(queryId);
    showFigures();
  } catch { /* a click that cannot be counted must not disturb reading */ }
}

$("reader").addEventListener("close", () => {
  if (state.from?.isConnected && document.activeElement !== $("query")) state.from.focus(); // this event comes late: "/" may have been pressed before
});
$("reader").addEventListener("click", (event) => { if (event.target === $("reader")) $("reader").close(); });
$("close").addEventListener("click", () => $("reader").close());

// ---- figures

async function showFigures() {
  const source = state.source;
  try {
    const stats = await call(`/v1/sessions/stats?source=${source}`);
    if (source !== state.source) return;
    const percent = (value) => (value === null ? "–" : `${(value * 100).toFixed(value === 1 || value === 0 ? 0 : 1)} %`);
    $("n-sessions").textContent = stats.sessions.toLocaleString("en");
    $("n-clicks").textContent = stats.clicks.toLocaleString("en");
    $("first-share").textContent = percent(stats.first_query_click_share);
    $("mean-queries").textContent = stats.mean_queries_until_click?.toFixed(2) ?? "–";
    showVersions(stats.by_rewriter_version, percent);
  } catch {
    clearFigures();
  }
}

function clearFigures() {
  $("versions").hidden = true;
  for (const id of ["n-sessions", "n-clicks", "first-share", "mean-queries"]) $(id).textContent = "–";
}

function showVersions(all, percent) {
  const listed = all.filter((version) => version.sessions > 0).sort((a, b) => b.sessions - a.sessions).slice(0, VERSIONS);
  $("versions").hidden = listed.length < 2; // with one version its figure is the one above
  $("versions").querySelector("ul").replaceChildren(...listed.map((version) => element("li", {},
    element("span", { class: "version" }, version.rewriter_version ?? "as typed"),
    bar(version.first_query_click_share ?? 0),
    element("span", { class: "share" }, percent(version.first_query_click_share)),
    element("span", { class: "small" }, `${version.sessions.toLocaleString("en")} ${version.sessions === 1 ? "session" : "sessions"}, ${untilClick(version)}`))));
}

function untilClick({ mean_queries_until_click: mean }) {
  return mean === null ? "no click yet" : `${mean.toFixed(2)} queries until the click`;
}

function showLatency(ms) {
  state.times = [...state.times, ms].slice(-TIMES);
  const { times } = state;
  const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  const top = Math.max(...times);
  const place = (i) => (times.length < 2 ? 0 : (i * 240) / (times.length - 1));
  $("latency").hidden = false;
  $("latency-now").textContent = `${ms.toFixed(1)} ms`;
  $("latency-median").textContent = times.length < 2 ? "" : `median of ${times.length}: ${median.toFixed(1)} ms`;
  $("latency").querySelector("svg").toggleAttribute("hidden", times.length < 2);
  $("latency").querySelector("polyline").setAttribute("points", times.map((ms, i) => `${place(i)},${42 - (ms / top) * 38}`).join(" "));
}

for (const button of document.querySelectorAll("[data-source]")) {
  button.addEventListener("click", () => {
    state.source = button.dataset.source;
    for (const other of document.querySelectorAll("[data-source]")) other.setAttribute("aria-pressed", String(other === button));
    clearFigures(); // the figures of the other source
    showFigures();
  });
}

// ---- keyboard and controls

document.addEventListener("keydown", (event) => {
  if ($("reader").open || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target === $("query");
  if (event.key === "/" && !typing) { event.preventDefault(); $("query").focus(); $("query").select(); }
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event);
  else if (event.key === "Escape" && !typing) $("query").focus();
});

function step(event) {
  const entries = [...document.querySelectorAll(".result .open")];
  const at = entries.indexOf(document.activeElement);
  const inBox = document.activeElement === $("query");
  if (!entries.length || (at < 0 && !inBox)) return;
  event.preventDefault();
  const next = at + (event.key === "ArrowDown" ? 1 : -1);
  if (next < 0) { if (at === 0) $("query").focus(); return; }
  entries[Math.min(next, entries.length - 1)].focus();
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = $("query").value.trim();
  if (query) go(query);
});

$("compare").addEventListener("click", () => {
  const on = $("compare").getAttribute("aria-checked") !== "true";
  $("compare").setAttribute("aria-checked", String(on));
  remember("compare", on);
  if (state.answer) showAnswer();
});

$("fresh").addEventListener("click", () => {
  beginSession();
  history.pushState(null, "", "/");
  showStart();
  $("query").focus();
});

// ---- addresses: the address contains the query, so that going back and sharing work

function followAddress() {
  const parameters = new URLSearchParams(location.search);
  const query = parameters.get("q") ?? "";
  if (!query.trim()) {
    showStart();
    if (document.readyState === "complete") $("query").focus();
    return;
  }
  const mode = parameters.get("mode") === "off" ? "off" : "auto";
  const answer = keptAnswer(addressOf(query, mode));
  $("query").value = query;
  if (answer) show(answer);
  else search(query, mode);
}

window.addEventListener("popstate", followAddress);

async function start() {
  if (recall("compare")) $("compare").setAttribute("aria-checked", "true");
  showSession();
  const info = call("/v1/info").catch(() => null);
  followAddress();
  showFigures();
  state.info = await info;
  if (!state.info) return;
  $("title").textContent = state.info.title;
  if (document.body.dataset.view === "start") document.title = state.info.title;
  const { data, engine, rewriter_version: version, examples } = state.info;
  $("about").textContent = `${data} · BM25 by ${engine} · ${version ? `rewriter ${version}` : "no rewriter loaded"}`;
  $("examples").hidden = examples.length === 0;
  $("examples").querySelector("ul").replaceChildren(...examples.map((query) =>
    element("li", {}, element("button", { type: "button", onclick: () => { beginSession(); go(query); } }, query))));
}

start();
