// What a request asks for, as the service reads it: the cell is rounded on the decimal text, halves away from zero.
// cells.conf knows the usual ones without a script; this knows all. null wherever the service would refuse or has more to
// say than one cell's answer: it is asked then, uncached.
// All of it stands in one function: what is declared outside is made anew for each request, and few need this.

function reader() {
    const POSITION = /^(-?)([0-9]{1,3})(?:\.([0-9]{1,25}))?(?:[eE](-?[0-9]{1,3}))?$/;
    const DAYS = /^(?:[1-9]|10)$/;
    const UNITS = /^(?:metric|imperial)$/;
    // `$` may stand before a last line feed.
    const LINE_FEED = /\n/;
    const MOST_PARAMETERS = 20, MOST_PLACES = 20;
    // As in questions.conf.
    const ASKED = /^(?:current|hourly|daily|forecast_days|forecast_hours|timezone|timeformat|temperature_unit|wind_?speed_unit|precipitation_unit|cell_selection|models|format|past_days)=[A-Za-z0-9_.,\/%+-]{0,500}$/;

    // `record` is "weather", "events", "forecast" or "air_quality", which has no imperial units; `args` the query string; {cell: "lat:40.7:lon:-74.0", key, query} or null.
    function question(record, args) {
        const given = parameters(args, record === 'forecast' ? ['lat', 'lon', 'units', 'days'] : ['lat', 'lon', 'units']);
        if (!given || LINE_FEED.test(Object.values(given).join())) {
            return null;
        }
        return answerable(record, given.lat, given.lon, given.days, given.units);
    }

    // What a question in Open-Meteo's words is about, as `question` gives it. The words beside the position stay as they are, and are
    // part of the key; null where one is unknown, for it might be a secret or a position.
    function openMeteo(args) {
        const pieces = args.split('&');
        if (pieces.length > MOST_PARAMETERS) {
            return null;
        }
        const place = {};
        let before = '', after = '';
        for (let i = 0; i < pieces.length; i++) {
            const at = pieces[i].indexOf('='), name = at < 0 ? pieces[i] : pieces[i].slice(0, at);
            if (name === 'latitude' || name === 'longitude') {
                const value = at < 0 ? null : decoded(pieces[i].slice(at + 1));
                if (place[name] !== undefined || value === null || LINE_FEED.test(value)) {
                    return null;
                }
                place[name] = value;
            } else if (!ASKED.test(pieces[i])) {
                return null;
            } else if (place.latitude === undefined && place.longitude === undefined) {
                before += `${pieces[i]}&`;
            } else {
                after += `&${pieces[i]}`;
            }
        }
        const north = tenths(place.latitude, 90), east = tenths(place.longitude, 180);
        if (north === null || east === null) {
            return null;
        }
        const latitude = name(north), longitude = name(east === 1800 ? -1800 : east);
        const cell = `lat:${latitude}:lon:${longitude}`;
        return {
            cell: cell,
            key: `openmeteo:${cell}:?${before}latitude=${after}`,
            query: `${before}latitude=${latitude}&longitude=${longitude}${after}`,
        };
    }

    // How many places a query is about; one where that makes no sense.
    function places(args) {
        const given = parameters(args, ['lat']);
        const latitudes = given && given.lat ? given.lat.split(',').length : 1;
        return latitudes <= MOST_PLACES ? latitudes : 1;
    }

    // The same of a question in Open-Meteo's words, whose list may come as a repeated parameter, each spelled in its own way.
    function placesOfQuestion(args) {
        const pieces = args.split('&');
        let count = 0;
        for (let i = 0; i < pieces.length; i++) {
            const at = pieces[i].indexOf('=');
            if (at > 0 && decoded(pieces[i].slice(0, at)) === 'latitude') {
                count += pieces[i].split(/,|%2c/i).length;
            }
        }
        return count > 0 && count <= MOST_PLACES ? count : 1;
    }

    // What a GraphQL query asks, in one text, whatever else stands beside it and however it is spelled; null where that is unclear.
    function graphql(args) {
        const names = ['query', 'operationName', 'variables', 'extensions'], given = parameters(args, names);
        return given && JSON.stringify(names.map((name) => given[name]));
    }

    function answerable(record, lat, lon, days, units) {
        const north = tenths(lat, 90), east = tenths(lon, 180);
        if (north === null || east === null) {
            return null;
        }
        if ((days !== undefined && !DAYS.test(days)) || (units !== undefined && !UNITS.test(units))) {
            return null;
        }
        const latitude = name(north), longitude = name(east === 1800 ? -1800 : east);
        const cell = `lat:${latitude}:lon:${longitude}`;
        const imperial = units === 'imperial' && record !== 'air_quality';
        const span = record === 'forecast' ? days || '7' : '';
        return {
            cell: cell,
            key: `${record}:${cell}:${span}:${imperial ? units : ''}`,
            query: `lat=${latitude}&lon=${longitude}${span ? `&days=${span}` : ''}${imperial ? '&units=imperial' : ''}`,
        };
    }

    function parameters(args, known) {
        const pieces = args.split('&'), given = {};
        if (pieces.length > MOST_PARAMETERS) {
            return null;
        }
        for (let i = 0; i < pieces.length; i++) {
            const at = pieces[i].indexOf('=');
            const key = decoded(at < 0 ? pieces[i] : pieces[i].slice(0, at));
            if (key === null) {
                return null;
            }
            if (known.indexOf(key) < 0) {
                continue;
            }
            if (given[key] !== undefined) {
                return null;
            }
            const value = at < 0 ? '' : decoded(pieces[i].slice(at + 1));
            if (value === null) {
                return null;
            }
            given[key] = value;
        }
        return given;
    }

    function decoded(text) {
        try {
            return decodeURIComponent(text.replace(/\+/g, ' '));
        } catch (e) {
            return null;
        }
    }

    // The position in tenths of a degree; null for what is none, or lies past ±limit.
    function tenths(text, limit) {
        const parts = text ? POSITION.exec(text) : null;
        if (!parts) {
            return null;
        }
        let digits = parts[2] + (parts[3] || ''), point = parts[2].length + Number(parts[4] || 0);
        if (point < 1) {
            digits = '0'.repeat(1 - point) + digits;
            point = 1;
        }
        digits = digits.padEnd(point + 2, '0');
        const whole = Number(digits.slice(0, point));
        if (whole > limit || (whole === limit && /[1-9]/.test(digits.slice(point)))) {
            return null;
        }
        const rounded = whole * 10 + Number(digits[point]) + (digits[point + 1] >= '5' ? 1 : 0);
        return parts[1] ? 0 - rounded : rounded;
    }

    function name(tenths) {
        const size = Math.abs(tenths);
        return `${tenths < 0 ? '-' : ''}${Math.floor(size / 10)}.${size % 10}`;
    }

    return {question, openMeteo, places, placesOfQuestion, graphql};
}

export default reader;
