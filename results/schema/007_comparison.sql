-- Schema 7: comparisons of arms in fresh processes, and baselines.

CREATE TABLE comparison (
  comparison_id  TEXT NOT NULL PRIMARY KEY,     -- UUIDv7: sorts by time
  kind           TEXT NOT NULL CHECK (kind IN ('ab', 'calibrate')),
  calibration_id TEXT NOT NULL,                 -- shared by the comparisons of one calibrate; empty for ab
  started_ms     INTEGER NOT NULL,
  finished_ms    INTEGER NOT NULL,              -- 0 while it runs
  status         TEXT NOT NULL,                 -- running, done, interrupted, failed
  command_line   TEXT NOT NULL,
  tool_version   TEXT NOT NULL,
  machine_id     TEXT NOT NULL,
  seed           INTEGER NOT NULL,              -- the 64 bits of an unsigned number
  settings_json  TEXT NOT NULL
) STRICT;

CREATE TABLE comparison_arm (
  comparison_id  TEXT NOT NULL REFERENCES comparison,
  arm            TEXT NOT NULL CHECK (arm IN ('base', 'twin', 'candidate')),
  label          TEXT NOT NULL,
  binary         TEXT NOT NULL,
  arguments_json TEXT NOT NULL,                 -- array of strings
  PRIMARY KEY (comparison_id, arm)
) STRICT, WITHOUT ROWID;

-- One process: a run of one arm.
CREATE TABLE comparison_sample (
  comparison_id TEXT NOT NULL,
  round         INTEGER NOT NULL CHECK (round >= 0),
  place         INTEGER NOT NULL CHECK (place >= 0),  -- its turn within the round
  arm           TEXT NOT NULL,
  run_id        TEXT NOT NULL REFERENCES run,
  PRIMARY KEY (comparison_id, round, arm),
  UNIQUE (comparison_id, round, place),
  FOREIGN KEY (comparison_id, arm) REFERENCES comparison_arm (comparison_id, arm)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX comparison_sample_of_run ON comparison_sample (run_id);

CREATE TABLE baseline (
  baseline_id INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  promoted_ms INTEGER NOT NULL,
  retired_ms  INTEGER NOT NULL,                 -- 0: not retired
  note        TEXT NOT NULL
) STRICT;

CREATE TABLE baseline_run (
  baseline_id INTEGER NOT NULL REFERENCES baseline,
  run_id      TEXT NOT NULL REFERENCES run,
  PRIMARY KEY (baseline_id, run_id)
) STRICT, WITHOUT ROWID;
