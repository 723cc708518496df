"""What staff see under /admin/: their cities, and what the runs of prewarm and their imports did."""

from django.contrib import admin

from prewarm.admin import cities, runs  # noqa: F401 - each registers its models

admin.site.site_header = admin.site.site_title = "WeatherNote"
admin.site.index_title = "Administration"
# A handful of models stands on the front page; beside it the lists want the width.
admin.site.enable_nav_sidebar = False
