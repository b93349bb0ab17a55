#!/usr/bin/env bash
# Session log, models and documents that were changed, into a folder: docker/backup.sh FOLDER
# The stack goes on serving. COMPOSE names the command of another stack: COMPOSE='docker compose -f FILE -p NAME'.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -ra compose <<<"${COMPOSE:-docker compose -f $here/compose.yaml}"
folder=${1:?usage: docker/backup.sh FOLDER}

mkdir -p "$folder"
"${compose[@]}" exec -T postgres pg_dump --username=untilclick --format=custom untilclick >"$folder/log.part"
# Files are whole under their names at all times (they are renamed into place), so nothing has to stop. The spool is left
# out: what it holds is in the log a moment later. Status 1 of tar: a file came or went meanwhile.
"${compose[@]}" exec -T app sh -c \
  'tar --create --gzip --directory=/var/lib/untilclick --exclude=./spool --exclude="./*/.add-*" --exclude="./*/.building-*" . ||
   test $? -eq 1' >"$folder/state.part"
mv "$folder/log.part" "$folder/log.pgdump"
mv "$folder/state.part" "$folder/state.tar.gz"
echo "Backup in $folder: $(du -h "$folder/log.pgdump" | cut -f1) of log, $(du -h "$folder/state.tar.gz" | cut -f1) of models and index"
