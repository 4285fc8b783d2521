-- Schema 1. Append-only: a run and its plan are written first, then one trial after another, each
-- in one transaction. Times are integer nanoseconds, moments Unix milliseconds, sizes bytes. Summaries
-- are derived (views speed and accuracy), never stored.

CREATE TABLE run (
  run_id            TEXT NOT NULL PRIMARY KEY,  -- UUIDv7: sorts by time
  started_ms        INTEGER NOT NULL,
  finished_ms       INTEGER NOT NULL,           -- 0 while it runs
  status            TEXT NOT NULL,              -- running, done, interrupted, failed
  command_line      TEXT NOT NULL,
  tool_version      TEXT NOT NULL,
  machine_id        TEXT NOT NULL,              -- XXH3-128 of the JSON beside it, as are the next two
  machine_json      TEXT NOT NULL,
  build_id          TEXT NOT NULL,
  build_json        TEXT NOT NULL,
  model_id          TEXT NOT NULL,
  model_json        TEXT NOT NULL,
  synthetic_weights INTEGER NOT NULL CHECK (synthetic_weights IN (0, 1)),
  seed              INTEGER NOT NULL            -- the 64 bits of an unsigned number
) STRICT;

-- A point of a sweep, shared by all runs that measured it.
CREATE TABLE cell (
  cell_id        TEXT NOT NULL PRIMARY KEY,     -- XXH3-128 of canonical_json
  canonical_json TEXT NOT NULL,
  model          TEXT NOT NULL,
  pattern        TEXT NOT NULL,                 -- F and S, one letter per layer
  suite          TEXT NOT NULL,
  phase          TEXT NOT NULL,
  device_kind    TEXT NOT NULL,
  dtype          TEXT NOT NULL,
  indexer_mode   TEXT NOT NULL,
  picks          TEXT NOT NULL,
  context_tokens INTEGER NOT NULL,
  batch          INTEGER NOT NULL
) STRICT;

CREATE TABLE planned_cell (
  run_id            TEXT NOT NULL REFERENCES run,
  cell_id           TEXT NOT NULL REFERENCES cell,
  position          INTEGER NOT NULL,
  nominal_retention TEXT NOT NULL,              -- "1/4"; empty where a pattern was given
  pattern_origin    TEXT NOT NULL,              -- uniform, given, checkpoint
  dialect           TEXT NOT NULL,
  PRIMARY KEY (run_id, cell_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX planned_cell_of_cell ON planned_cell (cell_id);

CREATE TABLE trial (
  trial_id          INTEGER PRIMARY KEY,
  run_id            TEXT NOT NULL,
  cell_id           TEXT NOT NULL,
  repeat            INTEGER NOT NULL,
  started_ms        INTEGER NOT NULL,
  finished_ms       INTEGER NOT NULL,
  process_id        INTEGER NOT NULL,
  outcome           TEXT NOT NULL
    CHECK (outcome IN ('ok', 'incorrect', 'failed', 'discarded', 'interrupted')),
  reason            TEXT NOT NULL,
  stop_reason       TEXT NOT NULL,
  num_warmups       INTEGER NOT NULL,
  verification_json TEXT NOT NULL,
  conditions_json   TEXT NOT NULL,
  FOREIGN KEY (run_id, cell_id) REFERENCES planned_cell (run_id, cell_id)
) STRICT;
CREATE INDEX trial_of_cell ON trial (run_id, cell_id);
-- A repeat may be attempted again until it is ok, and counts once.
CREATE UNIQUE INDEX trial_ok_once ON trial (run_id, cell_id, repeat) WHERE outcome = 'ok';

CREATE TABLE metric (
  metric_id INTEGER PRIMARY KEY,
  trial_id  INTEGER NOT NULL REFERENCES trial,
  name      TEXT NOT NULL,
  unit      TEXT NOT NULL,                      -- ns, bytes, count
  better    TEXT NOT NULL,                      -- lower, higher, exact
  UNIQUE (trial_id, name)
) STRICT;

CREATE TABLE sample (
  metric_id INTEGER NOT NULL REFERENCES metric,
  position  INTEGER NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (metric_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_time (
  trial_id    INTEGER NOT NULL REFERENCES trial,
  metric      TEXT NOT NULL,                    -- prefill or decode
  sample      INTEGER NOT NULL,
  layer       INTEGER NOT NULL,                 -- -1: embedding, final norm and lm_head
  stage       TEXT NOT NULL,
  nanoseconds INTEGER NOT NULL,
  PRIMARY KEY (trial_id, metric, sample, layer, stage)
) STRICT, WITHOUT ROWID;

-- Indexer launches counted by the kernels, and what the pattern says they must be.
CREATE TABLE layer_runs (
  trial_id INTEGER NOT NULL REFERENCES trial,
  layer    INTEGER NOT NULL,
  runs     INTEGER NOT NULL,
  expected INTEGER NOT NULL,
  PRIMARY KEY (trial_id, layer)
) STRICT, WITHOUT ROWID;

-- Generated text, once per distinct text.
CREATE TABLE output (
  output_id TEXT NOT NULL PRIMARY KEY,          -- XXH3-128 of the text
  text      TEXT NOT NULL
) STRICT;

CREATE TABLE answer (
  trial_id      INTEGER NOT NULL REFERENCES trial,
  position      INTEGER NOT NULL,
  item_id       TEXT NOT NULL,
  task          TEXT NOT NULL,
  prompt_hash   TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  output_id     TEXT NOT NULL REFERENCES output,
  finish        TEXT NOT NULL,                  -- length, stop
  score         REAL NOT NULL,                  -- 0..1
  PRIMARY KEY (trial_id, position)
) STRICT, WITHOUT ROWID;

-- Times of cells that are right: one row per run, cell and timed metric.
CREATE VIEW speed AS
WITH ranked AS (
  SELECT trial.run_id, trial.cell_id, metric.name AS metric, sample.value,
         row_number() OVER (PARTITION BY trial.run_id, trial.cell_id, metric.name
                            ORDER BY sample.value) AS place,
         count(*) OVER (PARTITION BY trial.run_id, trial.cell_id, metric.name) AS samples
  FROM trial JOIN metric USING (trial_id) JOIN sample USING (metric_id)
  WHERE trial.outcome = 'ok' AND metric.unit = 'ns'
    AND NOT EXISTS (SELECT 1 FROM trial AS wrong
                    WHERE wrong.run_id = trial.run_id AND wrong.cell_id = trial.cell_id
                      AND wrong.outcome = 'incorrect')
)
SELECT ranked.run_id, cell.model, cell.suite, cell.device_kind, cell.dtype, cell.context_tokens,
       cell.batch, planned_cell.nominal_retention, cell.pattern, ranked.metric, ranked.samples,
       avg(ranked.value) FILTER (WHERE place IN ((samples + 1) / 2, samples / 2 + 1)) / 1e6
         AS median_ms,
       min(ranked.value) / 1e6 AS minimum_ms, max(ranked.value) / 1e6 AS maximum_ms,
       ranked.cell_id
FROM ranked JOIN cell USING (cell_id) JOIN planned_cell USING (run_id, cell_id)
GROUP BY ranked.run_id, ranked.cell_id, ranked.metric
ORDER BY ranked.run_id, planned_cell.position, ranked.metric;

-- Mean score of cells that are right: one row per run, cell and task.
CREATE VIEW accuracy AS
SELECT trial.run_id, cell.model, cell.suite, answer.task, cell.context_tokens,
       planned_cell.nominal_retention, cell.pattern,
       count(DISTINCT answer.item_id) AS items, count(*) AS answers,
       100.0 * avg(answer.score) AS score,
       run.synthetic_weights AS is_chance,
       trial.cell_id
FROM trial JOIN answer USING (trial_id) JOIN cell USING (cell_id) JOIN run USING (run_id)
     JOIN planned_cell USING (run_id, cell_id)
WHERE trial.outcome = 'ok'
  AND NOT EXISTS (SELECT 1 FROM trial AS wrong
                  WHERE wrong.run_id = trial.run_id AND wrong.cell_id = trial.cell_id
                    AND wrong.outcome = 'incorrect')
GROUP BY trial.run_id, trial.cell_id, answer.task
ORDER BY trial.run_id, planned_cell.position, answer.task;
