// What nginx asks of each request. nginx starts the script anew for each, and every function, import and export costs there, as
// does each name that is looked up for the first time; so little is done here for what is found in the cache: the client and the
// cell are counted, and the answer's age is told.
import crypto from 'crypto';
import reader from 'cell.js';
import counted from 'client.js';
import count from 'count.js';

// A call about several places counts as that many.
function verdictOfSeveral(r) {
    const args = r.variables.args, record = r.variables.edge_record;
    if (record === 'graphql') {
        return counted(r);
    }
    return counted(r, record === 'openmeteo' ? reader().placesOfQuestion(args) : reader().places(args));
}

// The further cells of a GraphQL query, as the instance has counted them that gave the answer, kept here or not. It is given by
// now, so a client that has fewer requests left has none then.
function verdictOfCells(r) {
    const cells = Number(r.variables.upstream_http_x_counted_as);
    return cells > 1 ? counted(r, cells - 1, true) : r.variables.edge_verdict;
}

// The name under which the answer to a GraphQL query is kept: a digest of what is asked, which may hold a position in full. Empty
// where that is unclear.
function queryDigest(r) {
    const query = reader().graphql(r.variables.args || '');
    return query ? crypto.createHash('sha256').update(limits.hash_key + query).digest('base64url') : '';
}

// What an unusual question is about, `KEY QUERY`: the name under which its answer is kept, and what an instance is asked, so that
// no position goes further than here. Empty for what is not one cell's answer, which no phones share.
function asked(r) {
    const record = r.variables.edge_record, args = r.variables.args || '';
    const is_read = record === 'weather' || record === 'forecast' || record === 'air_quality' || record === 'events';
    const found = record === 'openmeteo' ? reader().openMeteo(args) : is_read && reader().question(record, args);
    return found ? `${found.key} ${found.query}` : '';
}

// Seconds since an instance gave this answer. It is asked for once for each that comes out of the cache, so it is here that
// they are counted.
function age(r) {
    const variables = r.variables, now = Date.now(), given = Date.parse(variables.upstream_http_date);
    count(ngx.shared.answers, variables.edge_answer);
    return given ? (now > given ? now - given : 0) / 1000 >>> 0 : '';
}

// Whether the access log tells of the request; and what was refused here is counted, for an instance to hear of it.
// Asked for all but what came out of the cache.
function logged(r) {
    // A stream may end before it has a status.
    const variables = r.variables, status = Number(variables.status) || 499, record = variables.edge_record;
    const here = !variables.upstream_addr || variables.edge_gave_up;
    if (here) {
        const has_cell = record && record !== 'graphql';
        const cell = record === 'openmeteo' ? variables.edge_question_cell : has_cell ? variables.edge_cell : '';
        count(ngx.shared.answers, `${record || 'other'} ${variables.edge_method} ${status} NONE ${cell}`);
    }
    return here && status < 400 ? '' : '1';
}

export default {verdict: counted, verdictOfSeveral, verdictOfCells, asked, queryDigest, age, logged};
