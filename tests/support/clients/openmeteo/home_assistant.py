"""Asks with Home Assistant's client, whose host alone is another, and prints what it understood as JSON.

Input: {"base": …, "question": …}. Run by itself, with the clients' folder on PYTHONPATH.
"""

import asyncio
import json
import sys

import aiohttp
from open_meteo import DailyParameters, HourlyParameters, OpenMeteo, OpenMeteoError
from yarl import URL


class AnotherHost(aiohttp.ClientSession):
    """A session that asks `base` in place of Open-Meteo's host."""

    base = ""

    async def _request(self, method, url, **options):
        asked = URL(url)
        return await super()._request(method, URL(self.base).with_path(asked.path).with_query(asked.query), **options)


async def main() -> None:
    asked = json.load(sys.stdin)
    AnotherHost.base = asked["base"]
    question = asked["question"]
    for name, kind in (("current", HourlyParameters), ("hourly", HourlyParameters), ("daily", DailyParameters)):
        if name in question:
            question[name] = [kind(one) for one in question[name]]
    async with AnotherHost(headers=asked["headers"]) as session:
        try:
            forecast = await OpenMeteo(session=session).forecast(**question)
        except OpenMeteoError as error:
            print(json.dumps({"error": type(error).__name__, "text": str(error)}))
            return
    print(forecast.to_json())


asyncio.run(main())
