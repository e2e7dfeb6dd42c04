-- The layout of the OpenTelemetry Collector's ClickHouse exporter, so that its tools read it.
CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS ${durable};

-- Counters of one process only grow, so the last report wins. Read with FINAL.
CREATE TABLE IF NOT EXISTS ledger
(
    region LowCardinality(String),
    instance_id String,
    role LowCardinality(String),
    process_region LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    reported_at DateTime64(3, 'UTC'),
    closed UInt8,
    side LowCardinality(String),
    caller_region LowCardinality(String),
    callee_region LowCardinality(String),
    rpc LowCardinality(String),
    plane LowCardinality(String),
    verdict LowCardinality(String),
    requests UInt64,
    answered UInt64,
    rows UInt64,
    bytes UInt64
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (instance_id, side, caller_region, callee_region, rpc, plane, verdict)
SETTINGS ${durable};

CREATE TABLE IF NOT EXISTS witnesses
(
    instance_id String,
    role LowCardinality(String),
    region LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    reported_at DateTime64(3, 'UTC'),
    closed UInt8
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY instance_id
SETTINGS ${durable};
