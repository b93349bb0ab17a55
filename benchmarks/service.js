// Visitors of the service at a steady rate, for k6. `bench_service.py` sets the environment variables.
//
// Each visitor searches a query, drawn by a Zipf law from QUERIES (a JSON list, most popular first). A third of the
// visitors click the first result. A fifth of the others retype: they search another query in the same search session.
import exec from 'k6/execution';
import http from 'k6/http';
import { SharedArray } from 'k6/data';
import { Counter, Trend } from 'k6/metrics';

const CLICK = 1 / 3;
const RETYPE = 1 / 5;

const queries = new SharedArray('queries', () => JSON.parse(open(__ENV.QUERIES)));
const bounds = new SharedArray('bounds', () => {
  let sum = 0;
  return queries.map((_, rank) => (sum += 1 / (rank + 1)));
});
const headers = { headers: { 'content-type': 'application/json' } };

const searchMs = new Trend('search_ms', true);
const clickMs = new Trend('click_ms', true);
const requests = new Counter('measured_requests');
const failures = new Counter('failures');
const rewritten = new Counter('rewritten');
const unchanged = new Counter('unchanged');

const stage = (startTime, duration) => ({
  executor: 'constant-arrival-rate',
  rate: Number(__ENV.RATE),
  timeUnit: '1s',
  startTime,
  duration,
  preAllocatedVUs: 100,
  maxVUs: 400,
  gracefulStop: '5s',
});

export const options = {
  scenarios: {
    warm: stage('0s', `${__ENV.WARM_S}s`),
    measured: stage(`${__ENV.WARM_S}s`, `${__ENV.MEASURED_S}s`),
  },
  summaryTrendStats: ['count', 'avg', 'p(50)', 'p(95)', 'p(99)', 'max'],
};

// A query drawn by a Zipf law: binary search in the cumulated weights 1 / rank.
function drawnQuery() {
  const wanted = Math.random() * bounds[bounds.length - 1];
  let [low, high] = [0, bounds.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return queries[low];
}

function post(path, body, status, trend) {
  const response = http.post(`${__ENV.BASE}${path}`, JSON.stringify(body), headers);
  if (exec.scenario.name === 'measured') {
    requests.add(1);
    trend.add(response.timings.duration);
    failures.add(response.status === status ? 0 : 1);
  }
  return response.status === status ? response : null;
}

function search(session) {
  const response = post('/v1/search', { query: drawnQuery(), session_id: session }, 200, searchMs);
  const answer = response && response.json();
  if (answer && exec.scenario.name === 'measured') (answer.rewrite.applied ? rewritten : unchanged).add(1);
  return answer;
}

export default function () {
  const answer = search(null);
  if (!answer) return;
  if (Math.random() < CLICK && answer.results.length) {
    post('/v1/click', { click_token: answer.results[0].click_token }, 204, clickMs);
  } else if (Math.random() < RETYPE) {
    search(answer.session_id);
  }
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data.metrics) };
}
