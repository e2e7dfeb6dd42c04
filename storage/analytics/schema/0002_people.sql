CREATE TABLE IF NOT EXISTS people
(
    log_id LowCardinality(String),
    log_seq UInt64,
    org_id LowCardinality(String),
    project_id LowCardinality(String),
    environment LowCardinality(String),
    id String DEFAULT concat(log_id, '/', toString(log_seq)),
    distinct_id String,
    timestamp_ms Int64,
    received_at DateTime64(3, 'UTC'),
    traits Map(String, String),
    version UInt64 MATERIALIZED 18446744073709551615 - (toUInt64(toUnixTimestamp64Milli(received_at)) * 4194304 + log_seq % 4194304),
    INDEX log_seq_range log_seq TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, environment, distinct_id, id)
SETTINGS ${durable};

CREATE TABLE IF NOT EXISTS aliases
(
    log_id LowCardinality(String),
    log_seq UInt64,
    org_id LowCardinality(String),
    project_id LowCardinality(String),
    environment LowCardinality(String),
    id String DEFAULT concat(log_id, '/', toString(log_seq)),
    alias_id String,
    distinct_id String,
    timestamp_ms Int64,
    received_at DateTime64(3, 'UTC'),
    version UInt64 MATERIALIZED 18446744073709551615 - (toUInt64(toUnixTimestamp64Milli(received_at)) * 4194304 + log_seq % 4194304),
    INDEX log_seq_range log_seq TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, environment, alias_id, distinct_id, id)
SETTINGS ${durable};
