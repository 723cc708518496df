#!/bin/sh
# certbot's deploy hook for compose.yaml: puts the new certificate where the edge reads it, and has the edge read it.
set -eu
here=$(dirname "$(readlink -f "$0")")
for file in fullchain.pem privkey.pem; do
    # 10001 is whom the edge runs as. By `mv`, so that it never finds half a file.
    install -o 10001 -g 10001 -m 0400 "$RENEWED_LINEAGE/$file" "$here/secrets/tls/.$file"
    mv "$here/secrets/tls/.$file" "$here/secrets/tls/$file"
done
docker compose -f "$here/compose.yaml" kill --signal HUP edge
