"""Where the database is and how to reach it: embedded server, roles, pools."""
