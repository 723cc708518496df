const POSITION = /^-?\d{1,3}(\.\d{1,20})?$/;

function tenths(text) {
    if (!POSITION.test(text)) {
        return NaN;
    }
    const degrees = Number(text) * 10;
    // Halves go away from zero, and there is no negative zero.
    return degrees < 0 ? -Math.floor(0.5 - degrees) || 0 : Math.floor(degrees + 0.5);
}

// What is no position is kept by its own text, with the refusal that it gets.
function name(r) {
    const lat = tenths(r.variables.arg_lat || ''), lon = tenths(r.variables.arg_lon || '');
    return isNaN(lat) || isNaN(lon) ? r.variables.args : lat + ':' + (lon === 1800 ? -1800 : lon);
}

export default { name };
