// The search page. Whatever comes from visitors or documents is inserted as text, never as markup, and keeps its own direction.

const IDLE_MS = 30 * 60 * 1000; // a session ends after so long without a query
const RESULTS = 10;
const KEPT = 20; // number of answers kept for a reload and for going back
const EXAMPLES = 4; // number of example queries offered, drawn anew by each visit if there are more
const TERMS = 6; // number of words listed, of a rewrite and of earlier searches
const NAMED = 4; // number of words of a rewrite in the headline
const VERSIONS = 5; // number of versions with figures, those with most sessions
const TIMES = 40; // number of searches in the plot of latencies

const LATE = ["over_budget", "error", "breaker_open"]; // reasons that may not apply to the next try

const READ = { words: "why.by_words", documents: "why.by_documents", both: "why.by_both" }; // how a query was read -> its message
const PROBLEMS = { 404: "missing", 413: "refused", 422: "refused", 429: "busy", 503: "unavailable" }; // status of an answer -> its message
const NONE = "–"; // stands for a figure that does not exist

const $ = (id) => document.getElementById(id);
const MESSAGES = JSON.parse($("messages").textContent);
const TITLE = document.title;
const { lang: LANGUAGE } = document.documentElement;
const LOCALE = localeOf(LANGUAGE);
const { corpusLanguage: CORPUS_LANGUAGE, corpusDirection: CORPUS_DIRECTION } = document.body.dataset; // empty if unknown
const state = {
  answer: null, kept: recall("answers") ?? [], session: loadSession(), latest: 0, opened: 0, pending: null,
  source: "live", info: null, from: null, seen: new Set(), times: [],
};

// ---- texts: messages of the page's language, and numbers and lists as it writes them

/* The visitor's own variant of a language, whose region decides on digits and separators. */
function localeOf(language) {
  const tag = navigator.languages.find((preferred) => preferred.toLowerCase().split("-")[0] === language) ?? language;
  try { return Intl.getCanonicalLocales(tag)[0]; } catch { return language; } // some systems have tags such as en-US@posix
}

/* A message with its values as text. */
function text(key, values = {}) {
  return MESSAGES[key].replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
}

/* A message in pieces for an element. A value is an element, a list of pieces, or a text, which is isolated from the direction around it. */
function pieces(key, values) {
  return MESSAGES[key].split(/\{\{(\w+)\}\}/).flatMap((piece, i) => {
    const value = i % 2 ? values[piece] : piece;
    return i % 2 && typeof value === "string" ? [element("bdi", {}, value)] : value;
  });
}

/* The plural form of a message for a number. */
function counted(key, count, digits = 0) {
  const form = new Intl.PluralRules(LOCALE, fixed(digits)).select(count);
  return text(`${key}_${form}`, { count: number(count, fixed(digits)) });
}

function fixed(digits) {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits };
}

function number(value, options) {
  return new Intl.NumberFormat(LOCALE, options).format(value);
}

function percent(share) {
  return share === null ? NONE : number(share, { style: "percent", maximumFractionDigits: 1 });
}

function milliseconds(value) {
  return number(value, { style: "unit", unit: "millisecond", ...fixed(1) });
}

/* Words as a list, each isolated from the direction around it; a list that goes on ends in dots. */
function listed(words, goesOn = false) {
  const format = new Intl.ListFormat(LOCALE, { style: "narrow", type: "conjunction" });
  const separator = format.formatToParts(["a", "b", "c"])[1].value;
  const isolated = (word) => ofCorpus("bdi", {}, word);
  if (goesOn) return [...words.flatMap((word) => [isolated(word), separator]), "…"];
  return format.formatToParts(words).map(({ type, value }) => (type === "element" ? isolated(value) : value));
}

/* An element with text from documents or queries, in the language of the documents if it is known. */
function ofCorpus(tag, attributes, ...children) {
  return element(tag, { lang: CORPUS_LANGUAGE || undefined, ...attributes }, ...children);
}

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

function linkButton(label, act) {
  return element("button", { type: "button", class: "link", onclick: act }, label);
}

async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), keepalive: true,
  };
  const response = await fetch(path, options);
  if (response.ok) return response.status === 204 ? null : response.json();
  throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
}

/* What an error means, in the page's language. One without a status comes from the network. */
function meaningOf({ status }) {
  if (status === undefined) return text("error.unreachable");
  return status in PROBLEMS ? text(`error.${PROBLEMS[status]}`) : text("error.status", { status });
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
    const again = element("button", { type: "button", onclick: () => go(turn.query, turn.mode) }, turn.query ? typed("bdi", turn.query) : text("session.empty"));
    const item = element("li", { class: turn.clicked ? "clicked" : undefined }, again);
    if (turn.clicked) item.append(element("span", {}, text("session.clicked")));
    else if (turn.mode === "off") item.append(element("span", {}, text("session.typed")));
    else if (turn.correction) item.append(element("span", {}, typed("bdi", turn.correction)));
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
  document.body.dataset.view = name;
  document.title = query ? `${query} · ${TITLE}` : TITLE;
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
  $("status").textContent = n === 0 ? text("results.none") : counted("results", n);
}

function showNotice(answer) {
  const { query, rewrite, results } = answer;
  const { applied, reason } = rewrite;
  $("notice").hidden = reason === "empty_query";
  $("compare").parentElement.hidden = !applied;
  const showing = applied
    ? [...pieces("notice.rewritten", { query: readable(query, rewrite.correction ?? query) }), ...related(query, rewrite), ...earlier(query, rewrite), instead(query, rewrite)]
    : pieces(reason === "mode_off" ? "notice.off" : "notice.kept", { query: typed("strong", query) });
  if (reason === "mode_off" && state.info?.rewriter_version) showing.push(also(text("notice.exactly"), " ", linkButton(text("notice.let_rewrite"), () => go(query))));
  if (LATE.includes(reason) && results.length) showing.push(also(text("notice.late"), " ", searchAgain(query)));
  $("showing").replaceChildren(...showing);
  showWhy(answer);
}

function showWhy({ query, rewrite, readings: { used, weights } = {}, timings_ms: timings }) {
  const { applied, correction, context, n_terms: n, reason, terms } = rewrite;
  $("why").querySelector("summary").textContent = text(applied ? "why.rewritten" : "why.kept");
  $("corrected").hidden = !correction;
  $("corrected").replaceChildren(...(correction ? pieces("why.corrected", { words: corrections(query, correction) }) : []));
  $("reason").hidden = applied && (n === 0 || Boolean(weights)); // weights say more about the words
  $("reason").textContent = reasonText(reason);
  showTerms(terms, n);
  $("context").hidden = context.length === 0;
  $("context").replaceChildren(...pieces("why.context", { words: listed(context) }));
  $("readings").hidden = !(used in READ);
  $("readings").replaceChildren(...(used in READ ? pieces(READ[used], shares(weights)) : []));
  const version = rewrite.rewriter_version ? [" · ", ...pieces("why.rewriter", { version: rewrite.rewriter_version })] : [];
  $("timings").replaceChildren(...pieces("why.time", { total: milliseconds(timings.total), rewrite: milliseconds(timings.rewrite) }), ...version);
}

/* The weights of what was searched, as texts. */
function shares(weights) {
  return Object.fromEntries(Object.entries(weights ?? {}).map(([part, share]) => [part, percent(share)]));
}

function reasonText(reason) {
  return MESSAGES[`reason.${reason}`] ?? reason;
}

function showTerms(terms, n) {
  const heaviest = terms.slice(0, TERMS);
  const most = Math.max(...heaviest.map(({ weight }) => weight));
  $("terms").replaceChildren(...heaviest.map(({ term, weight }) =>
    element("li", {}, ofCorpus("span", { class: "term", dir: "auto" }, term), bar(weight / most))));
  if (n > heaviest.length) $("terms").append(element("li", {}, element("span", { class: "small" }, counted("why.lighter", n - heaviest.length))));
}

/* Each misspelt word with its correction; the whole query if words were split or joined. */
function corrections(query, correction) {
  const [before, after] = [query, correction].map(wordsOf);
  const pairs = before.length === after.length ? before.map((word, i) => [word, after[i]]) : [[query.trim(), correction]];
  const changed = pairs.filter(([word, meant]) => folded(word) !== folded(meant));
  return changed.flatMap(([word, meant], i) => [i ? " · " : "", ...pieces("why.correction", { before: word, after: typed("strong", meant) })]);
}

/* The words of a text without the signs and spaces between them. */
function wordsOf(words) {
  return words.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/* The same for all ways to write a word: large and small letters, composed and decomposed, full and half width. */
function folded(word) {
  return word.normalize("NFKC").toLowerCase().normalize("NFKC");
}

function bar(share) {
  const filled = element("i");
  filled.style.width = `${share * 100}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/* The added words, if any of them has much weight. */
function related(query, rewrite) {
  const words = outstanding(rewrite.terms, rewrite.correction ?? query);
  return words.length ? [also(...pieces("notice.related", { words: added(words, rewrite.n_terms > words.length) }))] : [];
}

/* Words with a tenth of the weight, or twice the median weight. If hundreds of words weigh alike, none is named. */
function outstanding(terms, meant) {
  const median = terms[terms.length >> 1]?.weight; // terms come heaviest first
  const present = new Set(wordsOf(folded(meant)));
  const large = terms.filter(({ term, weight }) => !present.has(term) && (weight >= 0.1 || weight >= 2 * median));
  return large.slice(0, NAMED).map(({ term }) => term);
}

function earlier(query, { context }) {
  if (!context.length) return [];
  const words = added(context.slice(0, TERMS), context.length > TERMS);
  return [also(...pieces("notice.earlier", { words }), " ", linkButton(text("notice.leave_out"), () => anew(query)))];
}

function instead(query, { correction }) {
  const asTyped = (label) => linkButton(label, () => go(query, "off"));
  return also(...(correction ? pieces("notice.instead", { query: asTyped(typed("bdi", query)) }) : [asTyped(text("notice.search_exactly"))]));
}

function added(words, goesOn) {
  return element("span", { class: "added" }, ...listed(words, goesOn));
}

/* Text of a visitor, which may run in another direction than the page. */
function typed(tag, words) {
  return ofCorpus(tag, { dir: "auto" }, words);
}

function also(...parts) {
  return element("span", { class: "also" }, ...parts);
}

function searchAgain(query) {
  return linkButton(text("notice.again"), () => search(query, "auto"));
}

/* A query, in which words that were not typed stand out. */
function readable(query, meant) {
  const present = new Set(wordsOf(folded(query)));
  const parts = meant.split(/([\p{L}\p{M}\p{N}]+)/u).map((part, i) => {
    const isNew = i % 2 === 1 && !present.has(folded(part)); // the odd parts are the words
    return isNew ? element("span", { class: "added" }, part) : part;
  });
  return ofCorpus("strong", { dir: "auto" }, ...parts);
}

function columns({ query, rewrite, results, original_results: original }) {
  const before = new Map(original.map((entry) => [entry.doc_id, entry.rank]));
  const after = new Map(results.map((entry) => [entry.doc_id, entry.rank]));
  const meant = typed("bdi", rewrite.correction ?? query);
  const words = rewrite.n_terms ? [" · ", counted("compare.related", rewrite.n_terms)] : [];
  return element("div", { class: "columns" },
    column("compare.typed", [typed("bdi", query)], list(original, (entry) => (after.has(entry.doc_id) ? null : ["gone", text("compare.gone")]))),
    column("compare.rewritten", [meant, ...words], list(results, (entry) => move(before.get(entry.doc_id), entry.rank))));
}

function column(key, searched, results) {
  return element("section", { "aria-label": text(key) }, element("h2", {}, text(key), element("small", {}, ...searched)), results);
}

function move(before, after) {
  if (before === undefined) return ["new", text("compare.new")];
  if (before > after) return ["up", `▲ ${number(before - after)}`];
  return before < after ? ["down", `▼ ${number(after - before)}`] : null;
}

function list(results, note) {
  return element("ol", { class: "list" }, ...results.map((entry) => result(entry, note?.(entry))));
}

/* Let long names break after dots, underscores and slashes. */
function breakable(name) {
  return name.split(/(?<=[^._/][._/]+)(?=[^._/])/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
}

/* The marks of a result that its words alone would not have found, or that is listed because many documents name it. */
function marksOf(found) {
  const prominent = found.includes("prominence") ? ["results.by_prominence"] : [];
  return found.includes("documents") && !found.includes("words") ? ["results.by_meaning", ...prominent] : prominent;
}

/* A result runs in the direction of the documents, or else of its snippet, or else of its title; the title keeps its own order. */
function result(entry, note) {
  const title = entry.title || entry.doc_id;
  const own = CORPUS_DIRECTION || entry.snippet.length ? "auto" : undefined;
  const open = ofCorpus("button", { type: "button", class: "open", dir: own, "data-doc": entry.doc_id }, ...breakable(title));
  const item = element("li", { class: "result", dir: CORPUS_DIRECTION || "auto" });
  item.append(element("span", { class: "rank", "aria-hidden": "true" }, number(entry.rank)), element("h3", {}, open));
  if (state.seen.has(entry.doc_id)) item.classList.add("seen");
  for (const mark of marksOf(entry.found_by)) open.append(" ", element("bdi", { class: "meant", lang: LANGUAGE }, text(mark)));
  if (note) open.append(" ", element("bdi", { class: `move ${note[0]}`, lang: LANGUAGE }, note[1]));
  if (title !== entry.doc_id) item.append(element("p", { class: "id" }, element("bdi", {}, ...breakable(entry.doc_id))));
  item.append(ofCorpus("p", { class: "snippet", dir: CORPUS_DIRECTION ? "auto" : undefined }, ...marked(entry.snippet)));
  item.addEventListener("click", () => { if (!selects(item)) openDocument(entry, open); });
  return item;
}

/* Whether text of a result is selected. The search box has a selection of its own, which does not matter here. */
function selects(item) {
  const selection = getSelection();
  return !selection.isCollapsed && item.contains(selection.anchorNode);
}

/* The pieces of a snippet with searched words marked. A mark does not cut a character that a reader sees as one: a letter and its accents, an emoji. */
function marked(snippet) {
  const hits = snippet.flatMap(({ text: part, hit }) => Array(part.length).fill(hit)); // by UTF-16 unit, as the segmenter counts
  const runs = [];
  for (const { segment, index } of characters(snippet.map(({ text: part }) => part).join(""))) {
    const hit = hits.slice(index, index + segment.length).includes(true);
    if (runs.at(-1)?.hit === hit) runs.at(-1).text += segment;
    else runs.push({ hit, text: segment });
  }
  return runs.map((run) => (run.hit ? element("mark", {}, run.text) : run.text));
}

function characters(whole) {
  return new Intl.Segmenter(CORPUS_LANGUAGE || LANGUAGE, { granularity: "grapheme" }).segment(whole);
}

function showNothing({ query, rewrite }) {
  const offer = $("message").querySelector(".actions");
  if (rewrite.reason === "empty_query") {
    message("nothing.no_word", pieces("nothing.add_word", { query: query.trim() }));
  } else if (LATE.includes(rewrite.reason)) {
    message("nothing.as_typed", [text("nothing.not_corrected", { reason: reasonText(rewrite.reason) })]);
    offer.append(searchAgain(query));
  } else {
    message("nothing.found", [text("nothing.other_words")]);
    if (rewrite.applied) offer.append(linkButton(text("notice.search_exactly"), () => go(query, "off")));
  }
}

function showFailure(error, retry) {
  settle();
  $("notice").hidden = true;
  $("results").replaceChildren();
  const away = error.status === undefined;
  message(away ? "error.unreachable" : "error.title", [away ? text("error.is_it_running") : meaningOf(error)]);
  if (PROBLEMS[error.status] !== "refused") $("message").querySelector(".actions").append(linkButton(text("error.again"), retry));
  $("status").textContent = text("results.failed");
}

function message(key, content) {
  const box = $("message");
  box.querySelector("h2").textContent = text(key);
  box.querySelector("p").replaceChildren(...content);
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
    const stored = await call(`/v1/documents/${pathOf(entry.doc_id)}`);
    if (turn !== state.opened) return;
    $("reader-text").textContent = stored.text;
    $("reader-text").scrollTop = 0;
  } catch (error) {
    if (turn === state.opened) $("reader-text").textContent = `${text("reader.failed")}\n${meaningOf(error)}`;
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
    const mean = stats.mean_queries_until_click;
    $("n-sessions").textContent = number(stats.sessions);
    $("n-clicks").textContent = number(stats.clicks);
    $("first-share").textContent = percent(stats.first_query_click_share);
    $("mean-queries").textContent = mean === null ? NONE : number(mean, fixed(2));
    showVersions(stats.by_rewriter_version);
  } catch {
    clearFigures();
  }
}

function clearFigures() {
  $("versions").hidden = true;
  for (const id of ["n-sessions", "n-clicks", "first-share", "mean-queries"]) $(id).textContent = NONE;
}

function showVersions(all) {
  const listed = all.filter((version) => version.sessions > 0).sort((a, b) => b.sessions - a.sessions).slice(0, VERSIONS);
  $("versions").hidden = listed.length < 2; // with one version its figure is the one above
  $("versions").querySelector("ul").replaceChildren(...listed.map((version) => element("li", {},
    element("span", { class: "version", dir: "auto" }, version.rewriter_version ?? text("figures.no_rewriter")),
    bar(version.first_query_click_share ?? 0),
    element("span", { class: "share" }, percent(version.first_query_click_share)),
    element("span", { class: "small" }, text("figures.version", { sessions: counted("figures.n_sessions", version.sessions), queries: untilClick(version) })))));
}

function untilClick({ mean_queries_until_click: mean }) {
  return mean === null ? text("figures.no_click") : counted("figures.n_queries", mean, 2);
}

function showLatency(ms) {
  state.times = [...state.times, ms].slice(-TIMES);
  const { times } = state;
  const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  const top = Math.max(...times);
  const place = (i) => (times.length < 2 ? 0 : (i * 240) / (times.length - 1));
  $("latency").hidden = false;
  $("latency-now").textContent = milliseconds(ms);
  const several = times.length < 2 ? [] : pieces("latency.median", { count: number(times.length), median: milliseconds(median) });
  $("latency-median").replaceChildren(...several);
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

/* Draws `count` of the values at random and keeps their order. */
function sample(values, count) {
  const left = [...values.keys()];
  while (left.length > count) left.splice(Math.floor(Math.random() * left.length), 1);
  return left.map((position) => values[position]);
}

async function start() {
  if (recall("compare")) $("compare").setAttribute("aria-checked", "true");
  showSession();
  const info = call("/v1/info").catch(() => null);
  followAddress();
  showFigures();
  state.info = await info;
  if (!state.info) return;
  const { data, engine, rewriter_version: version, examples } = state.info;
  const rewriter = version ? pieces("why.rewriter", { version }) : [text("about.no_rewriter")];
  $("about").replaceChildren(element("bdi", {}, data), " · ", ...pieces("about.engine", { engine }), " · ", ...rewriter);
  $("examples").hidden = examples.length === 0;
  $("examples").querySelector("ul").replaceChildren(...sample(examples, EXAMPLES).map((query) =>
    element("li", {}, element("button", { type: "button", onclick: () => { beginSession(); go(query); } }, typed("bdi", query)))));
}

start();
