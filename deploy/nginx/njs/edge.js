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

function verdict(r) {
    return client.counted(r, 1);
}

// A call about several places counts as that many.
function verdictOfSeveral(r) {
    return client.counted(r, cell.places(r.variables.args));
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

// Seconds since an instance gave this answer. It is asked for once for each that comes out of the cache, so it is here that
// they are counted.
function age(r) {
    const variables = r.variables, given = Date.parse(variables.upstream_http_date);
    counts.answered(variables.edge_usual_answer || `${variables.edge_answer} ${cellOf(r)}`);
    return given ? String(Math.max(0, Math.floor((Date.now() - given) / 1000))) : '';
}

// Whether the access log tells of the request; and what was refused here is counted, for an instance to hear of it.
// Asked for all but what came out of the cache.
function logged(r) {
    // A stream may end before it has a status.
    const variables = r.variables, status = Number(variables.status) || 499, record = variables.edge_record;
    const here = !variables.upstream_addr || variables.edge_gave_up;
    if (here) {
        counts.answered(`${record || 'other'} ${r.method} ${status} NONE ${record ? cellOf(r) : ''}`);
    }
    return here && status < 400 ? '' : '1';
}

export default {verdict, verdictOfSeveral, key, uri, age, logged, hand: counts.hand};
