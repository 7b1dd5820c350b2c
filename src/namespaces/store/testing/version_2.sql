-- A store as version 2 of its tables was written: a dump of one that the program of that time made, with four revisions.
PRAGMA application_id=1347572557;
PRAGMA user_version=1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE prism_schema(part TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO prism_schema VALUES('config_store',2);
CREATE TABLE config_store (
  id INTEGER PRIMARY KEY CHECK(id = 1),
  store_id TEXT NOT NULL,               -- random, made with the file
  revision INTEGER NOT NULL,            -- of the newest change; each transaction is one
  namespace_history_hash TEXT NOT NULL, -- of the newest row of namespace_history
  backend_history_hash TEXT NOT NULL,
  checksum TEXT NOT NULL
);
INSERT INTO config_store VALUES(1,'6AMF2YYK82NRFZQWTJDPV60G44',4,'8ce3992f3978187f37d4ba50e98570fe9fe8f66570bf46d32a0e81da1ee30078','5a9f73a956ac746d69c73baa7fd4c4248bd672ada753b4a82193f90619a01075','dabb4b451ada29dd');
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
INSERT INTO backends VALUES(1,'memory','memory','{"connection":"","name":"memory","password":"","type":"memory","username":""}',1,1700000000,1700000000,'ann','7d29b3cd43b202f3');
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
INSERT INTO namespaces VALUES(1,'orders','memory','keyvalue','active','{"backend":"memory","patterns":[]}','strong',NULL,100,1700000000,1700000060,'ann','["production","high-traffic"]','team-a','{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{"beta":true},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"orders","owner":"team-a","pattern":"keyvalue","patterns":[],"rate_limit_rps":100,"status":"active","tags":["production","high-traffic"]}',2,'2e90094c77af1fd8');
INSERT INTO namespaces VALUES(3,'carts','memory','','active','{"backend":"memory","patterns":[]}','strong',NULL,NULL,1700000120,1700000120,'ann','["again"]','','{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"carts","owner":"","pattern":"","patterns":[],"rate_limit_rps":0,"status":"active","tags":["again"]}',4,'c99d8a5f999155c4');
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
INSERT INTO namespace_history VALUES(1,1,'create',1700000000,'ann',NULL,'{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{"beta":true},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"orders","owner":"team-a","pattern":"keyvalue","patterns":[],"rate_limit_rps":500,"status":"active","tags":["production","high-traffic"]}','orders',1,'begin','0','de6009f2c4e47a1d55a173c9269966c86be3b7772920c7d6732fc3d0a0034267');
INSERT INTO namespace_history VALUES(2,2,'create',1700000000,'ann',NULL,'{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"carts","owner":"","pattern":"","patterns":[],"rate_limit_rps":0,"status":"active","tags":[]}','carts',1,'begin','de6009f2c4e47a1d55a173c9269966c86be3b7772920c7d6732fc3d0a0034267','f2c02092c3944b0de4d355da10545477e5824511016a06d4812abb054c1d1dc7');
INSERT INTO namespace_history VALUES(3,1,'update',1700000060,'bob','{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{"beta":true},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"orders","owner":"team-a","pattern":"keyvalue","patterns":[],"rate_limit_rps":500,"status":"active","tags":["production","high-traffic"]}','{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{"beta":true},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"orders","owner":"team-a","pattern":"keyvalue","patterns":[],"rate_limit_rps":100,"status":"active","tags":["production","high-traffic"]}','orders',2,'launch day','f2c02092c3944b0de4d355da10545477e5824511016a06d4812abb054c1d1dc7','12f1a8df570ed5613fb66873812c275d91c4e30b791351982a5fde279dfd0b56');
INSERT INTO namespace_history VALUES(4,2,'delete',1700000120,'ann','{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"carts","owner":"","pattern":"","patterns":[],"rate_limit_rps":0,"status":"active","tags":[]}',NULL,'carts',3,'','12f1a8df570ed5613fb66873812c275d91c4e30b791351982a5fde279dfd0b56','8f07538809cc334893ba24a21e86b23f05ebb1f97cd349234536d9bb67f77e9f');
INSERT INTO namespace_history VALUES(5,3,'create',1700000120,'ann',NULL,'{"access":{"admin":[],"read":[],"write":[]},"backend":"memory","cache_ttl_seconds":0,"consistency":"strong","dedup_max_entries":1000000,"dedup_window":"10m","default_timeout":"30s","features":{},"max_bytes":"0B","max_in_flight":4096,"max_keys":0,"max_value_bytes":"4MiB","name":"carts","owner":"","pattern":"","patterns":[],"rate_limit_rps":0,"status":"active","tags":["again"]}','carts',4,'','8f07538809cc334893ba24a21e86b23f05ebb1f97cd349234536d9bb67f77e9f','8ce3992f3978187f37d4ba50e98570fe9fe8f66570bf46d32a0e81da1ee30078');
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
INSERT INTO backend_history VALUES(1,1,'create',1700000000,'ann',NULL,'{"connection":"","name":"memory","password":"","type":"memory","username":""}','memory',1,'begin','0','5a9f73a956ac746d69c73baa7fd4c4248bd672ada753b4a82193f90619a01075');
CREATE TABLE namespace_features (
  namespace_id INTEGER NOT NULL,
  feature_name TEXT NOT NULL,
  enabled BOOLEAN NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
  PRIMARY KEY(namespace_id, feature_name),
  FOREIGN KEY(namespace_id) REFERENCES namespaces(id) ON DELETE CASCADE
);
INSERT INTO namespace_features VALUES(1,'beta',1,1700000060);
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
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('backends',1);
INSERT INTO sqlite_sequence VALUES('backend_history',1);
INSERT INTO sqlite_sequence VALUES('namespaces',3);
INSERT INTO sqlite_sequence VALUES('namespace_history',5);
CREATE INDEX idx_namespaces_backend ON namespaces(backend);
CREATE INDEX idx_namespaces_status ON namespaces(status);
CREATE INDEX idx_namespaces_pattern ON namespaces(pattern);
CREATE INDEX idx_history_namespace ON namespace_history(namespace_id);
CREATE INDEX idx_history_changed_at ON namespace_history(changed_at);
CREATE INDEX idx_history_name ON namespace_history(name);
CREATE INDEX idx_history_revision ON namespace_history(revision);
CREATE INDEX idx_backend_history_backend ON backend_history(backend_id);
CREATE INDEX idx_backend_history_revision ON backend_history(revision);
CREATE TRIGGER namespace_history_is_kept BEFORE DELETE ON namespace_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER namespace_history_is_final BEFORE UPDATE ON namespace_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER backend_history_is_kept BEFORE DELETE ON backend_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER backend_history_is_final BEFORE UPDATE ON backend_history
  BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
COMMIT;
