"""The group of those who may edit cities and see the runs, and nothing else."""

from typing import Any

from django.db import migrations

GROUP = "city editors"
MAY = {"city": ("view", "add", "change", "delete"), "prewarmrun": ("view",)}
NAMES = {"city": "city", "prewarmrun": "prewarm run"}


def make(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    group_model, permission, content_type = (
        apps.get_model(app, model).objects.using(alias)
        for app, model in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    group, _ = group_model.get_or_create(name=GROUP)
    for model, actions in MAY.items():
        # Django makes these after the last migration; where they are there already, it leaves them.
        about, _ = content_type.get_or_create(app_label="prewarm", model=model)
        for action in actions:
            allowed, _ = permission.get_or_create(
                codename=f"{action}_{model}", content_type=about, defaults={"name": f"Can {action} {NAMES[model]}"}
            )
            group.permissions.add(allowed)


def unmake(apps: Any, schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name=GROUP).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("prewarm", "0002_largest_cities"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, unmake)]
