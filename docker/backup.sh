#!/usr/bin/env bash
# Saves the session log, the models and the index with changed documents in a folder: docker/backup.sh FOLDER
# The stack keeps serving. COMPOSE is the command of another stack, for example 'docker compose -f FILE -p NAME'.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -ra compose <<<"${COMPOSE:-docker compose -f $here/compose.yaml}"
folder=${1:?usage: docker/backup.sh FOLDER}

mkdir -p "$folder"
"${compose[@]}" exec -T postgres pg_dump --username=untilclick --format=custom untilclick >"$folder/log.part"
# Every file is complete at any time, because it is written under another name and renamed, so the service need not
# stop. The spool is left out, because its events reach the log a moment later. tar exits with 1 if a file appeared or
# disappeared meanwhile.
"${compose[@]}" exec -T app sh -c \
  'tar --create --gzip --directory=/var/lib/untilclick --exclude=./spool --exclude="./*/.add-*" --exclude="./*/.building-*" . ||
   test $? -eq 1' >"$folder/state.part"
mv "$folder/log.part" "$folder/log.pgdump"
mv "$folder/state.part" "$folder/state.tar.gz"
echo "Backup in $folder: $(du -h "$folder/log.pgdump" | cut -f1) of session log, $(du -h "$folder/state.tar.gz" | cut -f1) of models and index"
