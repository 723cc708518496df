// Who a request comes from, and how many of the client's requests its window had. The raw identifier stops here: a keyed
// digest stands for it in memory, and is what the service hears of its users.
import crypto from 'crypto';
import counts from 'counts.js';

const DIGEST_LETTERS = 12;
// A window's start, in tenths of a second since 2026, and its count share one number, so that one atomic step moves both. No
// limit is above the room for a count, and 2^53 is reached in 27 years.
const ROOM = 1048576, EPOCH = 1767225600000;

// The limit as the client is told of it, `"client";r=12;t=30`, this request counted as `times`; with a `!` before it where that
// is too many.
function counted(r, times) {
    const client = digest(limits.hash_key + (r.variables.edge_client || network(r)));
    const windows = ngx.shared.windows, now = Math.floor((Date.now() - EPOCH) / 100), length = limits.window_seconds * 10;
    let value = windows.incr(client, times, now * ROOM);
    let began = Math.floor(value / ROOM);
    if (now - began >= length || now < began) {
        began = now;
        value = now * ROOM + times;
        windows.set(client, value);
    }
    const count = value - began * ROOM, left = limits.requests - count, seconds = Math.ceil((began + length - now) / 10);
    if (count === times) {
        counts.came(client);
    }
    if (left < 0) {
        // What is refused is not counted further, or a flood would fill the room and begin anew.
        windows.incr(client, -times, now * ROOM);
        return `!"client";r=${left + times};t=${seconds}`;
    }
    return `"client";r=${left};t=${seconds}`;
}

function digest(text) {
    return crypto.createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_LETTERS);
}

// An IPv6 address counts as its /64, which is what one customer gets.
function network(r) {
    const text = r.variables.remote_addr;
    return /^::ffff:[0-9.]+$/.test(text) ? text.slice(7) : r.rawVariables.binary_remote_addr.slice(0, 8).toString('hex');
}

export default {counted};
