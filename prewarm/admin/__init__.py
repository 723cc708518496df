"""The admin under /admin/: the cities of staff, the runs of prewarm and the imports of cities."""

from django.contrib import admin

from prewarm.admin import cities, runs  # noqa: F401 - each registers its models with the admin

admin.site.site_header = admin.site.site_title = "WeatherNote"
admin.site.index_title = "Administration"
# The front page lists the few models there are, and the lists need the width of the page.
admin.site.enable_nav_sidebar = False
admin.site.empty_value_display = "–"
