// Asks what its standard input says with Open-Meteo's official client, and prints what it understood as JSON.
// Input: {"url": …, "params": …}. Run where the client is installed.
import { fetchWeatherApi } from 'openmeteo';
import { readFileSync } from 'node:fs';

const asked = JSON.parse(readFileSync(0, 'utf8'));

function section(read) {
    if (!read) {
        return null;
    }
    const variables = [];
    for (let i = 0; i < read.variablesLength(); i++) {
        const one = read.variables(i), values = one.valuesArray();
        variables.push({variable: one.variable(), altitude: one.altitude(), value: one.value(), values: values ? [...values] : []});
    }
    return {time: [Number(read.time()), Number(read.timeEnd()), read.interval()], variables};
}

try {
    const places = await fetchWeatherApi(asked.url, asked.params, 1);
    console.log(JSON.stringify({places: places.map((place) => ({
        latitude: place.latitude(),
        timezone: place.timezone(),
        location_id: Number(place.locationId()),
        current: section(place.current()),
        hourly: section(place.hourly()),
        daily: section(place.daily()),
    }))}));
} catch (error) {
    console.log(JSON.stringify({error: error.message}));
}
