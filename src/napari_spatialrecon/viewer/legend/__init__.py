"""The legend: categories of the selected layer."""
