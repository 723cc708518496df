"""What tests of the admin do as staff: upload, confirm, act on cities, and read the messages of a page."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from prewarm.cities.models import City

CITIES = "/admin/prewarm/city/"
RUNS = "/admin/prewarm/prewarmrun/"
IMPORTS = "/admin/prewarm/cityimport/"
COLUMNS = "name,country,latitude,longitude,timezone,population,order,active,notes"
OSLO = "Oslo,NO,59.9139,10.7522,Europe/Oslo,717710,5,1,on the fjord"


def upload(editor: Client, text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    form = {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("cities.csv", data)}
    return editor.post(f"{CITIES}import/", form)


def confirm(editor: Client, preview):
    return editor.post(f"{CITIES}process_import/", preview.context["confirm_form"].initial, follow=True)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def levels(response) -> list[str]:
    return [message.level_tag for message in response.context["messages"]]


def lose_redis(settings, forget) -> None:
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:1/0"]
    forget()


def act(editor: Client, action: str, *names: str):
    chosen = list(City.objects.filter(name__in=names).values_list("pk", flat=True))
    return editor.post(CITIES, {"action": action, "_selected_action": chosen}, follow=True)
