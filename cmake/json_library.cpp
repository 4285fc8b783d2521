#include "cmake/json_library.h"

DSABENCH_JSON_INSTANCES(template);
