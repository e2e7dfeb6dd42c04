-- The version of a row makes the FIRST one received stay: ReplacingMergeTree keeps the highest version, so it
-- falls with (received_at, log_seq). received_at comes first because log_seq begins again with a new log.
-- Partitions by the server's time, never by the client's (one tenant's 100 months cost the region 25 times its
-- speed) and never by project. What clients choose freely is String: a dictionary of a million names helps no one.
CREATE TABLE IF NOT EXISTS events
(
    log_id LowCardinality(String),
    log_seq UInt64,
    org_id LowCardinality(String),
    project_id LowCardinality(String),
    environment LowCardinality(String),
    id String DEFAULT concat(log_id, '/', toString(log_seq)),
    event_id String,
    event_name String,
    distinct_id String,
    timestamp_ms Int64,
    received_at DateTime64(3, 'UTC'),
    session_id String,
    os String,
    browser String,
    device_model String,
    lib_version String,
    properties String,
    default_properties String,
    retention_days UInt16 DEFAULT 0,
    version UInt64 MATERIALIZED 18446744073709551615 - (toUInt64(toUnixTimestamp64Milli(received_at)) * 4194304 + log_seq % 4194304),
    INDEX log_seq_range log_seq TYPE minmax GRANULARITY 1,
    INDEX timestamp_range timestamp_ms TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, environment, id)
TTL received_at + toIntervalDay(retention_days) DELETE WHERE retention_days > 0
SETTINGS ${durable};
