#!/usr/bin/env bash
# Builds both images, starts the stack, and tests it from search to backup. The last line is: N passed, M failed.
#
#   docker/smoke.sh                 uses Docker, or else podman with podman-compose
#   docker/smoke.sh --skip          does the same, but exits with status 0 if neither can run
#
# ENGINE, COMPOSE  other commands to use            BUILD_FLAGS  more flags for builds
# KEEP=1           do not stop the stack            SETTINGS     other settings for the short training
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.." || exit 1

choose_engine() {
  if [[ -n ${ENGINE:-} ]]; then return; fi
  if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
    ENGINE=docker COMPOSE="docker compose"
  elif podman info >/dev/null 2>&1 && command -v podman-compose >/dev/null; then
    ENGINE=podman COMPOSE="podman-compose"
  else
    echo "Neither Docker with its compose plugin nor podman with podman-compose can run on this machine."
    if [[ ${1:-} == --skip ]]; then exit 0; fi
    exit 1
  fi
}
choose_engine "${1:-}"

work=$(mktemp -d)
project=untilclick-smoke
port=${SMOKE_PORT:-18080}
export LISTEN=127.0.0.1:$port PROMETHEUS_LISTEN=127.0.0.1:$((port + 1))
export UNTILCLICK_IMAGE=localhost/untilclick:smoke TRAIN_IMAGE=localhost/untilclick-train:smoke
url=http://127.0.0.1:$port
read -ra engine <<<"$ENGINE"
read -ra compose <<<"$COMPOSE"
read -ra build_flags <<<"${BUILD_FLAGS:-}"
stack() { "${compose[@]}" -f docker/compose.yaml -p "${stack_name:-$project}" "$@"; }
remove() { stack --profile observe --profile train down --volumes; }
export COMPOSE="${compose[*]} -f $here/compose.yaml -p $project"

passed=0 failed=0
check() { # NAME COMMAND...: print one line, and the output of a command that failed
  local name=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    { echo "FAIL  $name"; tail -n 15 "$work/out" | sed 's/^/      /'; } | tee -a "$work/failed"
  fi
}
finish() {
  if [[ -z ${KEEP:-} ]]; then
    remove >/dev/null 2>&1
    stack_name=untilclick-smoke-restored remove >/dev/null 2>&1
  fi
  rm -rf "$work"
}
trap finish EXIT

containers() { # SERVICE
  "${engine[@]}" ps --quiet --filter "label=com.docker.compose.project=${stack_name:-$project}" \
    --filter "label=com.docker.compose.service=$1"
}
first_container() { containers "$1" | head -n 1; }
sql() { stack exec -T postgres psql --username=untilclick --dbname=untilclick --no-align --tuples-only --command="$1"; }
# shellcheck disable=SC2016
network() { "${engine[@]}" inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' "$(first_container proxy)"; }
# While containers start and stop, names may not resolve for a moment, so visitors use the address of the proxy.
address() { "${engine[@]}" inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(first_container proxy)"; }
python_of_image() { "${engine[@]}" run --rm --interactive --no-healthcheck --entrypoint python "$@"; }
load() { # SECONDS
  python_of_image --network "$(network)" "$UNTILCLICK_IMAGE" - "http://$(address):8080" "$1" .05 <docker/load.py >"$work/load.json"
}
value() { python_in "import json, sys; load = json.load(sys.stdin); print($1)" <"$work/load.json"; }
python_in() { python_of_image --network none "$UNTILCLICK_IMAGE" -c "$1"; }
none_failed() {
  [[ $(value 'len(load["failed"])') == 0 ]] || { value 'load["failed"][:5]'; proxy_log; return 1; }
}
proxy_log() { "${engine[@]}" logs --tail 400 "$(first_container proxy)" 2>&1 | grep -E ' (502|503|504) |DOWN|UP|NOTICE' | tail -n 20; }
eventually() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
}
ready() { [[ $(curl --silent --fail --max-time 5 "$url/readyz") == *'"status":"ready"'* ]]; }
search() { curl --silent --fail --max-time 10 "$url/v1/search" --header 'content-type: application/json' --data "$1"; }
admin() { # METHOD PATH
  local key
  key=$(stack exec -T app cat /run/secrets/admin_key)
  curl --silent --fail --max-time 60 --request "$1" --header "authorization: Bearer ${key//[$'\r\n']/}" "$url$2"
}
field() { python_in "import json, sys; response = json.load(sys.stdin); print($1)"; }

# PostgreSQL has every query and click of the last load, and has each query once.
all_logged() {
  value '"\n".join(sorted(load["queries"]))' >"$work/queries"
  value '"\n".join(sorted({" ".join(click) for click in load["clicks"]}))' >"$work/clicks"
  sql "select query_id from turns" | tr -d '\r' | sort >"$work/logged_queries"
  sql "select query_id || ' ' || doc_id from clicks" | tr -d '\r' | sort >"$work/logged_clicks"
  [[ -s $work/queries && -s $work/clicks ]] || { echo "no request was acknowledged"; return 1; }
  LC_ALL=C.UTF-8 comm -23 <(LC_ALL=C.UTF-8 sort "$work/queries") <(LC_ALL=C.UTF-8 sort "$work/logged_queries") >"$work/lost"
  LC_ALL=C.UTF-8 comm -23 <(LC_ALL=C.UTF-8 sort "$work/clicks") <(LC_ALL=C.UTF-8 sort "$work/logged_clicks") >>"$work/lost"
  [[ ! -s $work/lost ]] || { echo "$(wc -l <"$work/lost") acknowledged rows are not in the log"; return 1; }
  [[ -z $(uniq -d "$work/logged_queries") ]] || { echo "queries are logged twice"; return 1; }
}
counts() { sql "select (select count(*) from sessions), (select count(*) from turns), (select count(*) from clicks)"; }

echo "== images (${ENGINE})"
build() { # DOCKERFILE IMAGE
  "${engine[@]}" build ${build_flags[@]+"${build_flags[@]}"} --file "$1" --tag "$2" . >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log"; return 1; }
}
check "training image builds" build docker/train.Dockerfile "$TRAIN_IMAGE"
check "service image builds" build docker/Dockerfile "$UNTILCLICK_IMAGE"
mib() { echo $(($("${engine[@]}" image inspect --format '{{.Size}}' "$1") / 1048576)); }
base=$(mib docker.io/library/python:3.11-slim 2>/dev/null || echo 0)
echo "      service $(($(mib "$UNTILCLICK_IMAGE") - base)) MiB and training $(($(mib "$TRAIN_IMAGE") - base)) MiB more than the base image of $base MiB"
check "the service has no torch, compiler or pip" "${engine[@]}" run --rm --no-healthcheck --entrypoint sh "$UNTILCLICK_IMAGE" -c \
  '! python -c "import torch" 2>/dev/null && ! command -v gcc && ! test -e /opt/untilclick/bin/pip'
no_secret_in_layers() { ! "${engine[@]}" history --no-trunc "$UNTILCLICK_IMAGE" | grep -iE 'password=|_key=[^ ]|token='; }
check "the layers have no secret" no_secret_in_layers

echo "== stack"
remove >/dev/null 2>&1
started=$SECONDS
start() {
  # podman-compose with podman before 4.6 does not wait for the services that others depend on.
  stack up --detach secrets && eventually 30 stack_has_secrets && stack up --detach
}
stack_has_secrets() { stack run --rm --no-deps -T --entrypoint sh app -c 'test -s /run/secrets/grafana_password'; }
check "the stack starts from nothing" start
check "it is ready through one port" eventually 120 ready
echo "      ready after $((SECONDS - started)) s"
two_replicas() { [[ $(containers app | wc -l) == 2 ]] || { "${engine[@]}" ps --all; return 1; }; }
check "it has two replicas" eventually 30 two_replicas
not_restarted() { # a replica that failed at its start is started again by the engine, and must not go unnoticed
  local replica
  for replica in $(containers app); do
    [[ $("${engine[@]}" inspect --format '{{.RestartCount}}' "$replica") == 0 ]] ||
      { "${engine[@]}" logs --tail 40 "$replica" 2>&1 | cut -c1-400; return 1; }
  done
}
check "no replica had to be started twice" not_restarted
healthy() { [[ $("${engine[@]}" inspect --format '{{.State.Health.Status}}' "$(first_container app)" 2>/dev/null) == healthy ]] ||
  "${engine[@]}" healthcheck run "$(first_container app)"; }
check "HEALTHCHECK is healthy" eventually 60 healthy
user() { stack exec -T app id -u | tr -d '\r' | grep --line-regexp 10001; }
check "the service runs as user 10001" user
check "its root file system cannot be written to" stack exec -T app sh -c '! touch /opt/untilclick/x 2>/dev/null && ! touch /etc/x 2>/dev/null'
memory() {
  "${engine[@]}" ps --quiet --filter "label=com.docker.compose.project=$project" |
    xargs "${engine[@]}" stats --no-stream --format '      {{.Name}} {{.MemUsage}}'
}
memory

echo "== search"
page() { [[ $(curl --silent --fail "$url/") == *"<title>"* ]]; }
check "the page is served" page
rewritten() { # may fail while the machine is still busy with the start, because rewrites have a time budget
  search '{"query": "seperate string by comma", "k": 5}' >"$work/response"
  [[ $(<"$work/response") == *'"reason":"applied"'* ]]
}
check "a misspelt query is rewritten" eventually 30 rewritten
check "the rewritten query finds documents" test "$(field 'len(response["results"])' <"$work/response")" = 5
check "mode off searches the query as typed" test "$(search '{"query": "seperate string", "mode": "off"}' | field 'response["rewrite"]["reason"]')" = mode_off
token=$(field 'response["results"][0]["click_token"]' <"$work/response")
query_id=$(field 'response["query_id"]' <"$work/response")
click() { [[ $(curl --silent --output /dev/null --write-out '%{http_code}' "$url/v1/click" \
  --header 'content-type: application/json' --data "{\"click_token\": \"$1\"}") == "$2" ]]; }
check "a click is accepted" click "$token" 204
check "a forged click is refused" click "${token}x" 403
logged_click() { [[ $(sql "select count(*) from clicks where query_id = '$query_id'") == 1 ]]; }
check "the click is in PostgreSQL" eventually 15 logged_click
status() { curl --silent --output /dev/null --write-out '%{http_code}' "$url$1" "${@:2}"; }
check "visitors cannot read metrics" test "$(status /metrics)" = 403
check "no version is activated without the admin key" test "$(status /v1/models/x/activate --request POST)" = 401

echo "== metrics"
observed() { # Prometheus scrapes both replicas and has loaded the rules
  [[ $(curl --silent --fail "http://$PROMETHEUS_LISTEN/api/v1/query?query=sum(up)" | field 'response["data"]["result"][0]["value"][1]') == 2 ]] &&
    curl --silent --fail "http://$PROMETHEUS_LISTEN/api/v1/rules" | grep --quiet SearchesFail
}
check "Prometheus starts" stack --profile observe up --detach prometheus
check "Prometheus scrapes both replicas and has the alerts" eventually 60 observed

echo "== training, and a second version under load"
check "visitors for 20 seconds" load 20
check "no request failed" none_failed
check "PostgreSQL has all queries and clicks" eventually 20 all_logged
echo "      $(value 'len(load["queries"])') searches, $(value 'len(load["clicks"])') clicks"
read -ra settings <<<"${SETTINGS:---set base.steps=40 --set warm_start.epochs=1 --set ppo.iterations=4 --set ppo.validate_every=2}"
train() { stack --profile train run --rm train renew --json "${settings[@]}"; }
first=$(curl --silent "$url/v1/models" | field 'response["active"]')
check "training from the log ends with a judgement" train
learned=/var/lib/untilclick-runs/renewal/ppo  # from sixteen queries: nothing speaks for it, so it has to be asked for
check "what was learned is added against the gate" stack --profile train run --rm -e UNTILCLICK_OUT=/tmp/bundle train \
  export --model "$learned" --anyway
second=$(curl --silent "$url/v1/models" | field 'next(model["version"] for model in response["models"] if model["version"] != "'"$first"'")')
echo "      version $first was active, version $second is new"
load 15 &
sleep 5
check "the second version is activated under load" admin POST "/v1/models/$second/activate"
wait $!
check "no request failed" none_failed
check "both versions answered" test "$(value 'len(load["versions"])')" = 2
check "the first version is active again after a rollback" admin POST /v1/models/rollback
check "PostgreSQL has all queries and clicks" eventually 20 all_logged

echo "== faults under load"
load 40 &
sleep 5
check "the database restarts" stack restart postgres
wait $!
check "no request failed" none_failed
check "no acknowledged row is lost" eventually 60 all_logged
load 20 &
sleep 5
stopped=$(first_container app)
check "a replica is stopped" "${engine[@]}" stop "$stopped"
sleep 3
check "the replica is started again" "${engine[@]}" start "$stopped"
wait $!
check "no request failed" none_failed
check "no acknowledged row is lost" eventually 60 all_logged
load 30 &
sleep 5
check "a replica is killed" "${engine[@]}" kill --signal KILL "$(first_container app)"
sleep 5
[[ $(containers app | wc -l) == 2 ]] || stack up --detach >/dev/null 2>&1
wait $!
echo "      $(value 'len(load["failed"])') of $(value 'len(load["queries"]) + len(load["clicks"])') requests failed while the killed replica handled them"
few_failed() {
  [[ $(value 'len(load["failed"])') -le 8 ]] || { value 'load["failed"][:9]'; proxy_log; return 1; }
}
check "only requests of the killed replica failed" few_failed
check "no acknowledged row is lost" eventually 60 all_logged

echo "== backup, restored into an empty stack"
check "backup" docker/backup.sh "$work/backup"
before=$(counts | tr -d '\r')
versions() { curl --silent "$url/v1/models" | field 'response["active"], sorted(model["version"] for model in response["models"])'; }
before_versions=$(versions)
[[ -n $before_versions ]] || before_versions=unknown
stop() { stack --profile observe stop && ! "${engine[@]}" ps --quiet --filter "label=com.docker.compose.project=$project" | grep -q .; }
stopping=$SECONDS
check "the stack stops cleanly" stop
echo "      stopped after $((SECONDS - stopping)) s"
exits() { "${engine[@]}" ps --all --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=app" --quiet |
  xargs -n 1 "${engine[@]}" inspect --format '{{.State.ExitCode}}' | sort -u; }
check "replicas exited with status 0" test "$(exits)" = 0
check "the stack is removed" remove
project=$project-restored
export COMPOSE="${compose[*]} -f $here/compose.yaml -p $project"
check "an empty stack starts" start
check "it is ready" eventually 120 ready
check "restore" docker/restore.sh "$work/backup"
check "it is ready again" eventually 120 ready
after=$(counts | tr -d '\r')
echo "      sessions|queries|clicks before $before, after $after"
check "the log holds the same rows" test "$after" = "$before"
check "it has the same versions, and the same one is active" test "$(versions)" = "$before_versions"
check "searches are answered" search '{"query": "delete a directory tree"}'
check "the stack stops cleanly" stop

echo
if ((failed)); then cat "$work/failed"; fi # again, because the end of a log is what is read first
echo "$passed passed, $failed failed"
((failed == 0))
