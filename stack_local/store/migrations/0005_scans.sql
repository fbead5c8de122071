-- How many contents were scanned in a month, for each agent, or bearer that stands for none; never what was in them.

CREATE TABLE scans (
    month TEXT NOT NULL,
    counted_for TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (month, counted_for)
) STRICT;
