BEGIN;
CREATE TABLE IF NOT EXISTS "speed" (
  "model" TEXT,
  "suite" TEXT,
  "device" TEXT,
  "dtype" TEXT,
  "indexer_mode" TEXT,
  "picks",
  "variant",
  "batch" INTEGER,
  "context_tokens" INTEGER,
  "nominal_retention" TEXT,
  "full_layers" INTEGER,
  "layers" INTEGER,
  "realised_retention" REAL,
  "pattern" TEXT,
  "pattern_origin" TEXT,
  "dialect" TEXT,
  "prefill_ms" REAL,
  "prefill_ms_low" REAL,
  "prefill_ms_high" REAL,
  "prefill_tokens_per_s" REAL,
  "decode_step_ms" REAL,
  "decode_step_ms_low" REAL,
  "decode_step_ms_high" REAL,
  "decode_tokens_per_s" REAL,
  "prefill_indexer_percent" REAL,
  "decode_indexer_percent" REAL,
  "prefill_speedup" REAL,
  "decode_speedup" REAL,
  "prefill_samples" INTEGER,
  "decode_samples" INTEGER,
  "cache_mib" REAL,
  "topk_overlap_layers",
  "topk_overlap_queries" REAL,
  "expert_load",
  "prefill_matrix_percent",
  "sm_mhz",
  "temperature_c",
  "prefill_power_w",
  "decode_power_w",
  "prefill_joules_per_token",
  "decode_joules_per_token",
  "power_capped_percent",
  "discarded" INTEGER,
  "state" TEXT,
  "outcome" TEXT
);
INSERT INTO "speed" VALUES ('builtin', 'speed', 'cpu', 'f32', 'f32', NULL, NULL, 2, 2048, '1', 4, 4, 1, 'FFFF', 'uniform', 'paper', 100, 98, 103, 40960, 4, 3.999, 4.001, 500, 75, 25, 1, 1, 7, 3, 3, NULL, 0.85, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'ok', 'ok');
INSERT INTO "speed" VALUES ('builtin', 'speed', 'cpu', 'f32', 'f32', NULL, NULL, 2, 2048, '1/2', 2, 4, 0.5, 'FSFS', 'uniform', 'paper', 50, 48, 53, 81920, 3.2, 3.199, 3.201, 625, 75, 25, 2, 1.25, 7, 3, 3, NULL, 0.85, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'ok', 'ok');
INSERT INTO "speed" VALUES ('builtin', 'speed', 'cpu', 'f32', 'f32', NULL, NULL, 2, 2048, '1/4', 1, 4, 0.25, 'FSSS', 'uniform', 'paper', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'failed', CAST(x'6661696c65643a206f7574206f66206d656d6f72793a203c31204769423e2077616e7465640a1b5b33316d60726d202d726660' AS TEXT));
INSERT INTO "speed" VALUES ('builtin', 'speed', 'cpu', 'f32', 'f32', NULL, NULL, 2, 2048, NULL, 2, 4, 0.5, 'FSSF', 'given', 'paper', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'incorrect', 'incorrect: row 7 differs by 0.5');
CREATE TABLE IF NOT EXISTS "quality" (
  "model" TEXT,
  "device" TEXT,
  "dtype" TEXT,
  "indexer_mode" TEXT,
  "picks",
  "variant",
  "batch" INTEGER,
  "suite" TEXT,
  "task" TEXT,
  "context_tokens" INTEGER,
  "nominal_retention" TEXT,
  "full_layers" INTEGER,
  "layers" INTEGER,
  "pattern" TEXT,
  "pattern_origin" TEXT,
  "items" INTEGER,
  "score" REAL,
  "score_low" REAL,
  "score_high" REAL,
  "accuracy",
  "state" TEXT,
  "outcome" TEXT
);
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'niah|<single>', 2048, '1', 4, 4, 'FFFF', 'uniform', 10, 80, 49.016247153664175, 94.33178485456249, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'variable_tracking', 2048, '1', 4, 4, 'FFFF', 'uniform', 10, 30, 10.7791267406301, 60.322185253885465, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'mean of 2 tasks', 2048, '1', 4, 4, 'FFFF', 'uniform', 20, 55.00000000000001, 36.769291639546864, 71.76927976754232, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'niah|<single>', 2048, '1/4', 1, 4, 'FSSS', 'uniform', 10, 30, 10.7791267406301, 60.322185253885465, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'variable_tracking', 2048, '1/4', 1, 4, 'FSSS', 'uniform', 10, 42.5, 18.455772941826044, 70.70721905611728, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', 'mean of 2 tasks', 2048, '1/4', 1, 4, 'FSSS', 'uniform', 20, 36.25, 20.85871331176479, 56.95677501115719, NULL, 'ok', 'ok');
INSERT INTO "quality" VALUES ('builtin', 'cpu', 'f32', 'f32', NULL, NULL, 2, 'ruler', NULL, 2048, '1/2', 2, 4, 'FSFS', 'uniform', NULL, NULL, NULL, NULL, NULL, 'not_run', 'not run');
COMMIT;
