-- Schema 2: runs that are gone on with after they stopped, perhaps elsewhere.

ALTER TABLE run ADD COLUMN plan_id TEXT NOT NULL DEFAULT '';    -- XXH3-128 of plan_json
ALTER TABLE run ADD COLUMN plan_json TEXT NOT NULL DEFAULT '';  -- cells, repeats and limits
ALTER TABLE run ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0     -- 1: by several machines or builds
  CHECK (mixed IN (0, 1));

-- Of a mixed run, where they are not the run's; empty: the run's.
ALTER TABLE trial ADD COLUMN machine_id TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN build_id TEXT NOT NULL DEFAULT '';

-- Each time a run was gone on with: when, and on what and by what.
CREATE TABLE continuation (
  run_id       TEXT NOT NULL REFERENCES run,
  position     INTEGER NOT NULL,
  started_ms   INTEGER NOT NULL,
  command_line TEXT NOT NULL,
  machine_id   TEXT NOT NULL,                   -- XXH3-128 of the JSON beside it, as is the next
  machine_json TEXT NOT NULL,
  build_id     TEXT NOT NULL,
  build_json   TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

-- Trials that have begun and not ended; where the process is gone, they crashed.
CREATE TABLE running_trial (
  run_id        TEXT NOT NULL,
  cell_id       TEXT NOT NULL,
  repeat        INTEGER NOT NULL,
  started_ms    INTEGER NOT NULL,
  process_id    INTEGER NOT NULL,
  process_start INTEGER NOT NULL,               -- clock ticks since boot
  boot_id       TEXT NOT NULL,
  PRIMARY KEY (run_id, cell_id, repeat),
  FOREIGN KEY (run_id, cell_id) REFERENCES planned_cell (run_id, cell_id)
) STRICT, WITHOUT ROWID;
