"""The admin's forms of a city, which read positions by the rules of the API."""

from decimal import Decimal
from typing import Any

from django import forms

from prewarm.cities.models import City, stored_degrees
from weather.core.cells import InvalidPosition, latitude_tenths, longitude_tenths


class DegreesField(forms.CharField):
    """Degrees as typed or pasted, read by the rules of the API and cut off after the sixth decimal."""

    def __init__(self, *, parse: Any, **options: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"inputmode": "decimal", "size": 14}), **options)
        self.parse = parse

    def clean(self, value: Any) -> Decimal:
        """The degrees as the table holds them; a ValidationError in the words of the API otherwise."""
        try:
            return stored_degrees(super().clean(value), self.parse)
        except InvalidPosition as invalid:
            raise forms.ValidationError(invalid.detail) from None

    def prepare_value(self, value: Any) -> Any:
        """Degrees without trailing zeros."""
        return format(value.normalize(), "f") if isinstance(value, Decimal) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares degrees, so that 40.70 is no change of 40.7."""
        try:
            return initial != stored_degrees(str(data).strip(), self.parse)
        except InvalidPosition:
            return True


class CityForm(forms.ModelForm):
    """A city, with positions read by the rules of the API."""

    latitude = DegreesField(parse=latitude_tenths, help_text="Degrees north, such as 40.7128.")
    longitude = DegreesField(parse=longitude_tenths, help_text="Degrees east, such as -74.0060.")

    class Meta:
        model = City
        fields = "__all__"  # noqa: DJ007 - the admin names them
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}

    def clean_country(self) -> str:
        """The country code in capitals, so that the validator accepts small letters too."""
        return str(self.cleaned_data["country"]).upper()


class CityRowForm(forms.ModelForm):
    """The editable fields of a city in the list, which has no room for labels: `aria-label` names the city instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{name} of {self.instance.name}"
