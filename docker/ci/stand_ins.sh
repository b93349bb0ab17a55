#!/usr/bin/env bash
# Makes images with the names that docker/ uses from Debian's packages, for machines without access to an image
# registry. They serve to test the files in docker/, not the official images. It needs root, mmdebstrap and podman.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

have() { podman image exists "$1"; }

# Debian's Python with the paths of python:3.11-slim, and with the certificates and pip settings of this machine.
if ! have docker.io/library/python:3.11-slim; then
  root=$work/python
  mmdebstrap --quiet --variant=minbase --include=python3.11,python3-pip,python3-venv,ca-certificates bookworm "$root"
  rm -f "$root/usr/lib/python3.11/EXTERNALLY-MANAGED"
  ln -sf /usr/bin/python3.11 "$root/usr/local/bin/python"
  ln -sf /usr/bin/pip3 "$root/usr/local/bin/pip"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  python3 -m pip config list | sed -n 's/^\(global\|:env:\)\.\(cert\|find-links\|index-url\|default-timeout\)=/\2 = /p' |
    tr -d "'" | sort -u -k1,1 | { echo "[global]"; cat; } >"$root/etc/pip.conf"
  tar -C "$root" -c . | podman import --quiet --change 'CMD ["python3"]' - docker.io/library/python:3.11-slim
fi

if ! have docker.io/library/postgres:17 || ! have docker.io/library/haproxy:3.0 || ! have docker.io/prom/prometheus:v3.5.0; then
  root=$work/servers
  mmdebstrap --quiet --variant=minbase --include=postgresql,haproxy,prometheus bookworm "$root"
  install -m 755 "$here/postgres-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
  tar -C "$root" -c . >"$work/servers.tar"
  podman import --quiet --change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'STOPSIGNAL SIGINT' \
    --change 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$work/servers.tar" docker.io/library/postgres:17
  podman import --quiet --change 'STOPSIGNAL SIGUSR1' --change 'USER haproxy' \
    "$work/servers.tar" docker.io/library/haproxy:3.0
  podman import --quiet --change 'ENTRYPOINT ["prometheus"]' "$work/servers.tar" docker.io/prom/prometheus:v3.5.0
fi
