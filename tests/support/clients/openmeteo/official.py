"""Asks what its standard input says with Open-Meteo's official client, and prints what it understood as JSON.

Input: {"url": …, "params": …, "headers": …}. Run by itself, with the clients' folder on PYTHONPATH.
"""

import json
import sys

import niquests
import openmeteo_requests


def section(read):
    """What the client says of a section: its times, and each variable's number, altitude, unit and values."""
    if read is None:
        return None
    variables = [read.Variables(number) for number in range(read.VariablesLength())]
    return {
        "time": [read.Time(), read.TimeEnd(), read.Interval()],
        "variables": [
            {
                "variable": one.Variable(),
                "altitude": one.Altitude(),
                "aggregation": one.Aggregation(),
                "unit": one.Unit(),
                "value": one.Value(),
                "values": [] if one.ValuesIsNone() else one.ValuesAsNumpy().tolist(),
                "moments": [] if one.ValuesInt64IsNone() else one.ValuesInt64AsNumpy().tolist(),
            }
            for one in variables
        ],
    }


def main() -> None:
    asked = json.load(sys.stdin)
    session = niquests.Session()
    session.headers.update(asked["headers"])
    client = openmeteo_requests.Client(session=session)
    try:
        responses = client.weather_api(asked["url"], params=asked["params"])
    except openmeteo_requests.OpenMeteoRequestsError as error:
        json.dump({"error": str(error)}, sys.stdout)
        return
    places = [
        {
            "latitude": place.Latitude(),
            "elevation": place.Elevation(),
            "timezone": place.Timezone() and place.Timezone().decode(),
            "abbreviation": place.TimezoneAbbreviation() and place.TimezoneAbbreviation().decode(),
            "utc_offset_seconds": place.UtcOffsetSeconds(),
            "location_id": place.LocationId(),
            "current": section(place.Current()),
            "hourly": section(place.Hourly()),
            "daily": section(place.Daily()),
        }
        for place in responses
    ]
    json.dump({"places": places}, sys.stdout)


main()
