-- Schema 3: no second process goes on with a run that one has under way, between its trials too.

CREATE TABLE run_process (
  run_id        TEXT NOT NULL PRIMARY KEY REFERENCES run,
  process_id    INTEGER NOT NULL,
  process_start INTEGER NOT NULL,               -- clock ticks since boot
  boot_id       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
