-- Schema 5: profiles: one cell looked at closely. A profile is a run of status 'profile' with one planned
-- cell and no trials, so that nothing takes its times for a measurement.

CREATE TABLE profile (
  run_id            TEXT NOT NULL PRIMARY KEY,
  cell_id           TEXT NOT NULL,
  tracer            TEXT NOT NULL,              -- 'CUPTI 130001'; empty: stages alone
  dropped_records   INTEGER NOT NULL,           -- that the tracer lost
  verification_json TEXT NOT NULL,
  conditions_json   TEXT NOT NULL,
  FOREIGN KEY (run_id, cell_id) REFERENCES planned_cell (run_id, cell_id)
) STRICT, WITHOUT ROWID;

-- Prefills, or decode steps: before the profiler was started, and of the watched sample.
CREATE TABLE profile_value (
  run_id      TEXT NOT NULL REFERENCES profile,
  watched     INTEGER NOT NULL CHECK (watched IN (0, 1)),
  position    INTEGER NOT NULL,
  nanoseconds INTEGER NOT NULL,
  PRIMARY KEY (run_id, watched, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_stage (
  run_id      TEXT NOT NULL REFERENCES profile,
  watched     INTEGER NOT NULL CHECK (watched IN (0, 1)),
  sample      INTEGER NOT NULL,
  layer       INTEGER NOT NULL,                 -- -1: embedding, final norm and lm_head
  stage       TEXT NOT NULL,
  nanoseconds INTEGER NOT NULL,
  PRIMARY KEY (run_id, watched, sample, layer, stage)
) STRICT, WITHOUT ROWID;

-- What the tracer saw of the watched sample.
CREATE TABLE profile_kernel (
  run_id      TEXT NOT NULL REFERENCES profile,
  layer       INTEGER NOT NULL,
  stage       TEXT NOT NULL,                    -- empty: given to the device outside of stages
  name        TEXT NOT NULL,                    -- copies and fills too
  launches    INTEGER NOT NULL,
  nanoseconds INTEGER NOT NULL,                 -- of all launches
  bytes       INTEGER NOT NULL,                 -- of copies and fills
  PRIMARY KEY (run_id, layer, stage, name)
) STRICT, WITHOUT ROWID;
