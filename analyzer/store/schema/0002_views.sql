-- Schema version 2 adds views for people: names and times instead of ids.

CREATE VIEW counts_by_minute AS
SELECT datetime(c.minute * 60, 'unixepoch') AS at,
       v.name AS service, v.environment, s.kind, s.reason, c.n
FROM counts c
JOIN series s ON s.id = c.series
JOIN services v ON v.id = s.service
WHERE c.n <> 0;

CREATE VIEW populations_by_hour AS
SELECT datetime(p.hour * 3600, 'unixepoch') AS at,
       v.name AS service, v.environment, p.reason, p.dimension, p.value, p.n
FROM populations p
JOIN services v ON v.id = p.service
WHERE p.n <> 0;
