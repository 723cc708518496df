// What was answered here without an instance: kept in memory, and handed to one every few seconds.

const AT_ONCE = 5000;

// `answer` is its route, method, status, what the cache says of it, and the cell.
function answered(answer) {
    add(ngx.shared.answers, answer);
}

// The `hash` of one that a window has just begun for.
function came(hash) {
    add(ngx.shared.clients, hash);
}

function add(dictionary, key) {
    try {
        dictionary.incr(key, 1, 0);
    } catch (e) {
        // It is full, for no instance has heard anything for long: a count is lost, and never an answer.
    }
}

// Called by nginx every few seconds, in one worker. What is told has a name and is told again, word for word, until an instance
// says that it has heard it: one that hangs may have heard it all the same.
async function hand() {
    for (;;) {
        const body = ngx.shared.told.get('body') || next();
        if (!body || !(await heard(body))) {
            return;
        }
        ngx.shared.told.delete('body');
    }
}

function next() {
    const answers = taken(ngx.shared.answers), clients = taken(ngx.shared.clients);
    if (!answers.length && !clients.length) {
        return '';
    }
    const name = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 12)}`;
    const body = JSON.stringify({name: name, answers: answers, clients: clients});
    ngx.shared.told.set('body', body);
    return body;
}

function taken(dictionary) {
    const all = [], keys = dictionary.keys(AT_ONCE);
    for (let i = 0; i < keys.length; i++) {
        const count = dictionary.pop(keys[i]);
        if (count > 0) {
            all.push([keys[i], count]);
        }
    }
    return all;
}

async function heard(body) {
    for (let i = 0; i < limits.instances.length; i++) {
        try {
            const reply = await ngx.fetch(`http://${limits.instances[i]}/internal/edge-counts`, {
                method: 'POST',
                body: body,
                headers: {'Content-Type': 'application/json'},
            });
            if (reply.ok || reply.status === 400) {
                // What it cannot read now it never will, and what comes next must not wait behind it.
                return true;
            }
        } catch (e) {
            // The next one may be there.
        }
    }
    return false;
}

export default {answered, came, hand};
