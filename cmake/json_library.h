#pragma once
// nlohmann/json with what every user of it would instantiate declared to be elsewhere
// (json_library.cpp): precompiled, or included by force, where sources parse or write JSON, which
// then compile sooner. Sources include <nlohmann/json.hpp> and compile
// without this as well.
#include <nlohmann/json.hpp>
#include <string>

#define DSABENCH_JSON_INSTANCES(declare)                                                      \
  declare class nlohmann::basic_json<>;                                                       \
  declare class nlohmann::detail::serializer<nlohmann::json>;                                 \
  declare class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;                        \
  declare class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;               \
  declare class nlohmann::detail::lexer<                                                      \
      nlohmann::json, nlohmann::detail::iterator_input_adapter<std::string::const_iterator>>; \
  declare class nlohmann::detail::parser<                                                     \
      nlohmann::json, nlohmann::detail::iterator_input_adapter<std::string::const_iterator>>

DSABENCH_JSON_INSTANCES(extern template);
