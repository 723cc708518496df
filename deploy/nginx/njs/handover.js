// Hands to an instance what was counted here. No part of edge.js, for what a script imports is made anew for each request.

const AT_ONCE = 5000;

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

// Written by hand, since JSON.stringify takes four times as long for each of thousands of pairs. No key has a character that JSON
// escapes: it is a digest, or words of the configuration, a method that is known, numbers and a cell.
function next() {
    const answers = taken(ngx.shared.answers), clients = taken(ngx.shared.clients);
    if (!answers && !clients) {
        return '';
    }
    const name = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 12)}`;
    const body = `{"name": "${name}", "answers": [${answers}], "clients": [${clients}]}`;
    ngx.shared.told.set('body', body);
    return body;
}

// Takes up to AT_ONCE counts out of a dictionary, as the items of an array in JSON; empty where there is none.
function taken(dictionary) {
    return dictionary.keys(AT_ONCE).map((key) => '["' + key + '",' + (dictionary.pop(key) || 0) + ']').join();
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

export default {hand};
