// What was answered here without an instance: kept in memory until handover.js hands it on.

// In `answers` a key is the route, method, status, what the cache says of it, and the cell; in `clients` the digest of one that a
// window has just begun for.
function add(dictionary, key) {
    try {
        dictionary.incr(key, 1, 0);
    } catch (e) {
        // It is full, for no instance has heard anything for long: a count is lost, and never an answer.
    }
}

export default add;
