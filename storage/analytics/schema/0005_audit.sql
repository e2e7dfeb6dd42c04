-- The region's mirror of its audit logs, for long queries: scope is org_… or proj_…, seq the row's number in its chain.
-- The records have every row of it, so it may be lost: it is copied anew.
CREATE TABLE IF NOT EXISTS audit_rows
(
    scope String,
    seq UInt64,
    audit_id String,
    at DateTime64(3, 'UTC'),
    actor_id String,
    actor_email String,
    action LowCardinality(String),
    resource_type LowCardinality(String),
    resource_id String,
    before String,
    after String,
    metadata String,
    hash String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (scope, seq)
TTL toDateTime(at) + INTERVAL 730 DAY
SETTINGS ${durable};

-- What an organisation leaves behind when it moves has to leave the disk too, and soon. A part that a merge has
-- written badly on a full disk is not made good by its sources here, but from the records.
ALTER TABLE audit_rows MODIFY SETTING old_parts_lifetime = 1;
