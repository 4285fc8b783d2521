-- Schema 4: what a device did while a trial was timed, and what a machine can do at best.

-- Read about ten times a second from before a trial's first timed sample until after its last.
-- -1: the driver does not say.
CREATE TABLE device_sample (
  trial_id      INTEGER NOT NULL REFERENCES trial,
  position      INTEGER NOT NULL,
  elapsed_ns    INTEGER NOT NULL,               -- since the first reading
  sm_mhz        INTEGER NOT NULL,
  memory_mhz    INTEGER NOT NULL,
  power_mw      INTEGER NOT NULL,
  energy_mj     INTEGER NOT NULL,               -- since the driver was loaded
  temperature_c INTEGER NOT NULL,
  clock_limits  INTEGER NOT NULL,               -- bits of NVML's clocks event reasons
  PRIMARY KEY (trial_id, position)
) STRICT, WITHOUT ROWID;

-- Measured once per process, before its first timed trial.
CREATE TABLE ceiling (
  run_id       TEXT NOT NULL REFERENCES run,
  continuation INTEGER NOT NULL,                -- whose process measured it; -1: the run's first
  name         TEXT NOT NULL,                   -- matrix_bf16, matrix_f8_e4m3, copy, gather, ...
  unit         TEXT NOT NULL,                   -- FLOP, bytes
  work         INTEGER NOT NULL,                -- of one sample, in that unit
  nanoseconds  INTEGER NOT NULL,                -- median of the samples; 0: not measured
  note         TEXT NOT NULL,                   -- how it was measured, or why not
  PRIMARY KEY (run_id, continuation, name)
) STRICT, WITHOUT ROWID;
