#!/usr/bin/env bash
# Restores a backup of docker/backup.sh into a stack that is up and has not served yet: docker/restore.sh FOLDER
# The backup replaces the log and the models of the stack. COMPOSE is the command of another stack, as in backup.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -ra compose <<<"${COMPOSE:-docker compose -f $here/compose.yaml}"
folder=${1:?usage: docker/restore.sh FOLDER}
for file in log.pgdump state.tar.gz; do
  [[ -f $folder/$file ]] || { echo "$folder/$file does not exist; docker/backup.sh writes it" >&2; exit 2; }
done

"${compose[@]}" exec -T postgres \
  pg_restore --username=untilclick --dbname=untilclick --clean --if-exists --single-transaction <"$folder/log.pgdump"
"${compose[@]}" exec -T app tar --extract --gzip --directory=/var/lib/untilclick --no-overwrite-dir <"$folder/state.tar.gz"
# Replicas read the active version and the changed documents when they start.
"${compose[@]}" restart app
echo "Restored from $folder"
