"""Parts of widgets that know no task."""
