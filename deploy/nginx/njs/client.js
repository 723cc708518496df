// Who a request comes from, and how many of the client's requests its window had. The raw identifier stops here: a keyed
// digest stands for it in memory, and is what the service hears of its users.
import crypto from 'crypto';
import count from 'count.js';

const DIGEST_LETTERS = 12;
// A window's start, in tenths of a second since 2026, and its count share one number, so that one atomic step moves both. No
// limit is above the room for a count, and 2^32 tenths are reached in 13 years.
const ROOM = 1048576, EPOCH = 1767225600000;

// The limit as the client is told of it, `"client";r=12;t=30`, this request counted as `of_several`, else as one; with a `!`
// before it where that is too many, unless the answer `is_given` already. `>>> 0` takes the whole part: it needs no `Math`.
function counted(r, of_several, is_given) {
    const times = of_several || 1;
    const client = crypto.createHash('sha256').update(limits.hash_key + (r.variables.edge_client || network(r)))
        .digest('base64url').slice(0, DIGEST_LETTERS);
    const windows = ngx.shared.windows, now = (Date.now() - EPOCH) / 100 >>> 0, length = limits.window_seconds * 10;
    let value = windows.incr(client, times, now * ROOM);
    let began = value / ROOM >>> 0;
    if (now - began >= length || now < began) {
        began = now;
        value = now * ROOM + times;
        windows.set(client, value);
    }
    const requests = value - began * ROOM, left = limits.requests - requests;
    const seconds = (began + length - now + 9) / 10 >>> 0;
    if (requests === times) {
        count(ngx.shared.clients, client);
    }
    if (left < 0 && is_given) {
        windows.incr(client, left, now * ROOM);
        return `"client";r=0;t=${seconds}`;
    }
    if (left < 0) {
        // What is refused is not counted further, or a flood would fill the room and begin anew.
        windows.incr(client, -times, now * ROOM);
        return `!"client";r=${left + times};t=${seconds}`;
    }
    return '"client";r=' + left + ';t=' + seconds;
}

// An IPv6 address counts as its /64, which is what one customer gets, written as the service writes it: without the zeros
// before each group of four digits, nor the groups of zeros at its end. In few words, for each takes memory of every request.
function network(r) {
    const text = r.variables.remote_addr;
    return 'address:' + (/^::ffff:[0-9.]+$/.test(text) ? text.slice(7) : r.rawVariables.binary_remote_addr.slice(0, 8)
        .toString('hex').replace(/0{0,3}(.+?)(?=(?:.{4})*$)/g, ':$1').replace(/(?::0)+$/, '').slice(1) + '::/64');
}

export default counted;
