// What nginx asks of each request. nginx starts the script anew for each, so little is done here for what is found in the
// cache: the client and the cell are counted, and the answer's age is told.
import cell from 'cell.js';
import client from 'client.js';
import counts from 'counts.js';

let asked;

// What is asked for, as the service reads it; null where that is not one cell's answer.
function question(r) {
    if (asked === undefined) {
        const record = r.variables.edge_record;
        asked = record === 'weather' || record === 'forecast' ? cell.question(record, r.variables.args || '') : null;
    }
    return asked;
}

function cellOf(r) {
    const usual = r.variables.edge_usual_cell;
    if (usual) {
        return usual;
    }
    const found = question(r);
    return found ? found.cell : '';
}

// The limit as the client is told of it, `"client";r=12;t=30`, with a `!` before it for a request that is one too many.
function verdict(r) {
    const record = r.variables.edge_record;
    if (!record || r.method === 'OPTIONS') {
        return '';
    }
    const limit = limits.requests, found = client.counted(r, limits);
    if (found.count > limit) {
        return `!"client";r=0;t=${found.reset_seconds}`;
    }
    // Nearly all are; `logged` takes back what turns out to be something else.
    counts.answered(record, r.method, '200', 'HIT', cellOf(r), 1);
    return `"client";r=${limit - found.count};t=${found.reset_seconds}`;
}

// The name under which an unusual question's answer is kept; empty where it is none that phones share.
function key(r) {
    const found = question(r);
    return found ? found.key : '';
}

// What an instance is asked: the cell, so that no position goes further than here; else the client's own words.
function uri(r) {
    const found = question(r);
    return found ? `/api/v1/${r.variables.edge_record}?${found.query}` : r.variables.request_uri;
}

// Seconds since an instance gave this answer.
function age(r) {
    const given = Date.parse(r.variables.upstream_http_date);
    return given ? String(Math.max(0, Math.floor((Date.now() - given) / 1000))) : '';
}

// Whether the access log tells of the request; and what was answered here is counted, for an instance to hear of it.
// Asked for all but the usual 200 out of the cache.
function logged(r) {
    const variables = r.variables, status = variables.status, told = variables.edge_verdict;
    const from = variables.upstream_cache_status || 'NONE', record = variables.edge_record || 'other';
    const here = from === 'HIT' || from === 'STALE' || from === 'UPDATING' || !variables.upstream_addr;
    const place = record === 'other' ? '' : cellOf(r);
    if (told && told[0] !== '!') {
        counts.answered(record, r.method, '200', 'HIT', place, -1);
    }
    if (here) {
        counts.answered(record, r.method, status, from, place, 1);
    }
    return here && status < 400 ? '' : '1';
}

export default {verdict, key, uri, age, logged, hand: counts.hand};
