"""The tab Results: every run of the session and every reopened file."""
