# The standard headers that nearly every file reads are read once a build: two fifths of the time that a small file takes.
# Files still include what they use; the fuzz preset builds without, which shows what was forgotten.
option(NEAREND_PRECOMPILE "Precompile the standard headers" ON)
set(NEAREND_PRECOMPILED_HEADERS
    <algorithm> <array> <chrono> <coroutine> <cstdint> <cstring> <deque> <expected> <filesystem> <functional> <map> <memory> <optional>
    <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)

# nearend_precompiled(<name> <more headers>...): an object library that others take the headers from.
function(nearend_precompiled name)
  if(NEAREND_PRECOMPILE)
    add_library(${name} OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(${name} PRIVATE fmt::fmt)
    target_precompile_headers(${name} PRIVATE ${NEAREND_PRECOMPILED_HEADERS} ${ARGN})
  endif()
endfunction()
function(nearend_use_precompiled target name)
  if(NEAREND_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
