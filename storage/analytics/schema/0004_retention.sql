-- The engine's own default, written down: that events are gone from disk within a day depends on it. A merge that
-- removes what has expired comes to each partition every so many seconds; each rewrites the parts that it cleans.
ALTER TABLE events MODIFY SETTING merge_with_ttl_timeout = 14400;
