// The tables of the configuration store.
#pragma once

#include <array>
#include <string_view>

#include "sqlite/migrations.h"

namespace prism::namespaces {

// Times are seconds since 1970, UTC. A step that has been released is never edited.
inline constexpr std::array<std::string_view, 3> kConfigStoreSteps = {
    R"sql(
-- One row: which store this is, and how far it has come.
CREATE TABLE config_store (
  id INTEGER PRIMARY KEY CHECK(id = 1),
  store_id TEXT NOT NULL,               -- random, made with the file
  revision INTEGER NOT NULL,            -- of the newest change; each transaction is one
  namespace_history_hash TEXT NOT NULL, -- of the newest row of namespace_history
  backend_history_hash TEXT NOT NULL,
  checksum TEXT NOT NULL
);

CREATE TABLE backends (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  config TEXT NOT NULL,                 -- JSON, secrets as references
  revision INTEGER NOT NULL,            -- of its newest change
  created_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  updated_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  created_by TEXT,
  checksum TEXT NOT NULL
);

CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, not even for the same name
  name TEXT NOT NULL UNIQUE,
  backend TEXT NOT NULL,                -- type of the backend of the primary slot
  pattern TEXT NOT NULL,                -- '': all data models of the backend
  status TEXT NOT NULL DEFAULT 'active',
  backend_config TEXT NOT NULL,         -- JSON: which backend each slot is bound to
  consistency TEXT NOT NULL DEFAULT 'eventual',
  cache_ttl_seconds INTEGER,
  rate_limit_rps INTEGER,
  created_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  updated_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  created_by TEXT,
  tags TEXT,                            -- JSON array
  owner TEXT,
  settings TEXT NOT NULL,               -- JSON: everything, as in prism.yaml
  revision INTEGER NOT NULL,
  checksum TEXT NOT NULL,
  CHECK(status IN ('active', 'disabled', 'migrating'))
);
CREATE INDEX idx_namespaces_backend ON namespaces(backend);
CREATE INDEX idx_namespaces_status ON namespaces(status);
CREATE INDEX idx_namespaces_pattern ON namespaces(pattern);

-- No foreign key to the live row: the history of what was deleted stays.
CREATE TABLE namespace_history (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL,
  operation TEXT NOT NULL,              -- 'create', 'update', 'delete', 'restore'
  changed_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  changed_by TEXT,
  old_config TEXT,                      -- JSON before the change
  new_config TEXT,                      -- JSON after it
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  reason TEXT,
  previous_hash TEXT NOT NULL,          -- hash of the row before
  hash TEXT NOT NULL                    -- SHA-256 of this one, previous_hash included
);
CREATE INDEX idx_history_namespace ON namespace_history(namespace_id);
CREATE INDEX idx_history_changed_at ON namespace_history(changed_at);
CREATE INDEX idx_history_name ON namespace_history(name);
CREATE INDEX idx_history_revision ON namespace_history(revision);

CREATE TABLE backend_history (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  backend_id INTEGER NOT NULL,
  operation TEXT NOT NULL,
  changed_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  changed_by TEXT,
  old_config TEXT,
  new_config TEXT,
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  reason TEXT,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX idx_backend_history_backend ON backend_history(backend_id);
CREATE INDEX idx_backend_history_revision ON backend_history(revision);

CREATE TABLE namespace_features (
  namespace_id INTEGER NOT NULL,
  feature_name TEXT NOT NULL,
  enabled BOOLEAN NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  PRIMARY KEY(namespace_id, feature_name),
  FOREIGN KEY(namespace_id) REFERENCES namespaces(id) ON DELETE CASCADE
);

CREATE TRIGGER namespace_history_is_kept BEFORE DELETE ON namespace_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER namespace_history_is_final BEFORE UPDATE ON namespace_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER backend_history_is_kept BEFORE DELETE ON backend_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER backend_history_is_final BEFORE UPDATE ON backend_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
)sql",
    R"sql(
-- Data of deleted namespaces that is to be destroyed; a row goes when its data is gone.
CREATE TABLE purges (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace TEXT NOT NULL,              -- its name
  backend TEXT NOT NULL,                -- name of the backend that has the data
  requested_at INTEGER NOT NULL,
  requested_by TEXT NOT NULL,
  revision INTEGER NOT NULL,            -- that has deleted the namespace
  checksum TEXT NOT NULL,
  UNIQUE(namespace, backend)
);
)sql",
    R"sql(
-- What a namespace declares, with the keys of prism.yaml; NULL: nothing. Sizes are bytes, times
-- milliseconds, so that numbers are compared with numbers. The checksum counts these columns up to
-- the last that is not NULL.
ALTER TABLE namespaces ADD COLUMN needs TEXT;   -- JSON
ALTER TABLE namespaces ADD COLUMN shadow TEXT;  -- JSON
-- For people: which version the tables of each part have.
CREATE VIEW schema_migrations AS SELECT part, version FROM prism_schema;
)sql"};

inline constexpr sqlite::SchemaPart kConfigStorePart = {"config_store", kConfigStoreSteps};

}  // namespace prism::namespaces
