// What was answered here without an instance: kept in memory, and handed to one every few seconds.

const AT_ONCE = 5000;

// `times` is negative for what was counted before it was known.
function answered(route, method, status, from, cell, times) {
    add(ngx.shared.answers, `${route} ${method} ${status} ${from} ${cell}`, times);
}

// The `hash` of one that a window has just begun for.
function came(hash) {
    add(ngx.shared.clients, hash, 1);
}

function add(dictionary, key, times) {
    try {
        dictionary.incr(key, times, 0);
    } catch (e) {
        // It is full, for no instance has heard anything for long: a count is lost, and never an answer.
    }
}

// Called by nginx every few seconds, in one worker.
async function hand() {
    for (;;) {
        const answers = taken(ngx.shared.answers), clients = taken(ngx.shared.clients);
        if (!answers.length && !clients.length) {
            return;
        }
        if (!(await told(JSON.stringify({answers: answers, clients: clients})))) {
            // Nobody heard it: it is told with what comes next.
            put(ngx.shared.answers, answers);
            put(ngx.shared.clients, clients);
            return;
        }
        if (answers.length < AT_ONCE && clients.length < AT_ONCE) {
            return;
        }
    }
}

function taken(dictionary) {
    const all = [], keys = dictionary.keys(AT_ONCE);
    for (let i = 0; i < keys.length; i++) {
        const count = dictionary.pop(keys[i]);
        if (count > 0) {
            all.push([keys[i], count]);
        } else if (count < 0) {
            // It was counted before the last time, and taken back since: the next ones make up for it.
            add(dictionary, keys[i], count);
        }
    }
    return all;
}

function put(dictionary, all) {
    for (let i = 0; i < all.length; i++) {
        add(dictionary, all[i][0], all[i][1]);
    }
}

async function told(body) {

    for (let i = 0; i < limits.instances.length; i++) {
        try {
            const reply = await ngx.fetch(`http://${limits.instances[i]}/internal/edge-counts`, {
                method: 'POST',
                body: body,
                headers: {'Content-Type': 'application/json'},
            });
            if (reply.ok) {
                return true;
            }
        } catch (e) {
            // The next one may be there.
        }
    }
    return false;
}

export default {answered, came, hand};
