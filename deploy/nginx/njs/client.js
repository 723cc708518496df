// Who a request comes from, and how many of the client's requests its window had. The raw identifier stops here: a keyed
// digest stands for it in memory, and is what the service hears of its users.
import crypto from 'crypto';
import counts from 'counts.js';

const USABLE = /^[\x20-\x7e]{1,128}$/;
const DIGEST_LETTERS = 12;
// A window's start, in hundredths of a second, and its count share one number, so that one atomic step moves both.
const ROOM = 32768;

// {count, reset_seconds} of the client of `r`, this request included; `limits` are the service's.
function counted(r, limits) {
    const variables = r.variables, given = variables.http_x_client_id;
    const client = digest(given && USABLE.test(given) ? given : address(r), limits.hash_key);
    const windows = ngx.shared.windows, now = Math.floor(Date.now() / 10), length = limits.window_seconds * 100;
    let value = windows.incr(client, 1, now * ROOM);
    let began = Math.floor(value / ROOM);
    if (now - began >= length) {
        began = now;
        value = now * ROOM + 1;
        windows.set(client, value);
    }
    const count = value - began * ROOM;
    if (count === 1) {
        counts.came(client);
    }
    return {count: count, reset_seconds: Math.ceil((began + length - now) / 100)};
}

function digest(text, key) {
    return crypto.createHash('sha256').update(key + text).digest('base64url').slice(0, DIGEST_LETTERS);
}

// An IPv6 address counts as its /64, which is what one customer gets.
function address(r) {
    const text = r.variables.remote_addr;
    if (text.indexOf(':') < 0) {
        return text;
    }
    return /^::ffff:[0-9.]+$/.test(text) ? text.slice(7) : r.rawVariables.binary_remote_addr.slice(0, 8).toString('hex');
}

export default {counted};
