"""What became of each confirmed import, for city editors to see."""

from importlib import import_module
from typing import Any

import django.utils.timezone
from django.db import migrations, models

GROUP = import_module("prewarm.migrations.0003_city_editors").GROUP


def allow(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    group_model, permission, content_type = (
        apps.get_model(app, model).objects.using(alias)
        for app, model in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    # Django makes these after the last migration; where they are there already, it leaves them.
    about, _ = content_type.get_or_create(app_label="prewarm", model="cityimport")
    view, _ = permission.get_or_create(
        codename="view_cityimport", content_type=about, defaults={"name": "Can view city import"}
    )
    for group in group_model.filter(name=GROUP):
        group.permissions.add(view)


class Migration(migrations.Migration):
    dependencies = [("prewarm", "0004_places")]

    operations = [
        migrations.CreateModel(
            name="CityImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("finished", models.DateTimeField(blank=True, null=True)),
                ("file_name", models.CharField(blank=True, max_length=200)),
                ("user", models.CharField(blank=True, max_length=150)),
                ("new", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("unchanged", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                (
                    "result",
                    models.PositiveSmallIntegerField(blank=True, choices=[(0, "done"), (1, "failed")], null=True),
                ),
                ("message", models.TextField(blank=True)),
            ],
            options={"ordering": ("-started", "-pk"), "default_permissions": ("view",)},
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
