#!/usr/bin/env bash
# The same from a shell, for trying it out: two places, asked for again only if something changed, and
# after 429 and 503 as late as Retry-After says (curl obeys it by itself), but nothing that is over a minute away.
set -euo pipefail
base=https://weather.example/api/v1

# To a tenth of a degree, halves away from zero, on the decimal text.
tenth() {
    python3 -c 'import sys; from decimal import *; print(Decimal(sys.argv[1]).quantize(Decimal("0.1"), ROUND_HALF_UP))' "$1"
}

# Made once for each install.
client_id=$(tr -dc a-f0-9 </dev/urandom | head -c 32 || true)
lat=$(tenth 40.7128),$(tenth 51.5074)
lon=$(tenth -74.0060),$(tenth -0.1278)

for _ in first again; do
    touch etag.txt
    curl --silent --show-error --fail-with-body --max-time 60 --retry 2 --retry-max-time 60 \
        --header "x-client-id: $client_id" --etag-compare etag.txt --etag-save etag.txt \
        --output answer.json --write-out '%{http_code}\n' \
        "$base/weather?lat=$lat&lon=$lon&units=imperial"
done
