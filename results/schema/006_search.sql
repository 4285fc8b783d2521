-- Schema 6: searches for patterns. A search is a run of status 'search' without cells and trials: its losses are
-- of calibration questions, and no measurement.

CREATE TABLE search (
  run_id        TEXT NOT NULL PRIMARY KEY REFERENCES run,
  outcome       TEXT NOT NULL CHECK (outcome IN ('done', 'interrupted')),
  settings_json TEXT NOT NULL                   -- suite, context, seeds, what was counted
) STRICT, WITHOUT ROWID;

-- Every evaluated flip: from_pattern with one more layer made Shared.
CREATE TABLE search_flip (
  run_id       TEXT NOT NULL REFERENCES search,
  calibration  INTEGER NOT NULL CHECK (calibration IN (0, 1)),  -- 1: the second set of questions
  method       TEXT NOT NULL,
  step         INTEGER NOT NULL CHECK (step >= 0),
  position     INTEGER NOT NULL CHECK (position >= 0),
  from_pattern TEXT NOT NULL,
  layer        INTEGER NOT NULL CHECK (layer > 0),
  loss         REAL NOT NULL,                   -- mean cross-entropy of the answers' tokens
  given_up     INTEGER NOT NULL CHECK (given_up IN (0, 1)),     -- the loss is at least that
  kept         INTEGER NOT NULL CHECK (kept IN (0, 1)),
  PRIMARY KEY (run_id, calibration, method, step, position)
) STRICT, WITHOUT ROWID;

-- What each method found for a number of Full layers.
CREATE TABLE search_pattern (
  run_id      TEXT NOT NULL REFERENCES search,
  calibration INTEGER NOT NULL CHECK (calibration IN (0, 1)),
  method      TEXT NOT NULL,
  pattern     TEXT NOT NULL,
  retention   TEXT NOT NULL,                    -- as asked for
  loss        REAL NOT NULL,
  PRIMARY KEY (run_id, calibration, method, pattern)
) STRICT, WITHOUT ROWID;
