# The browsers' race as a C++ string: ${CMAKE_BINARY_DIR}/generated/race_module.hpp, made anew when it changes.
set(module ${CMAKE_SOURCE_DIR}/src/policy_server/race.js)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${module})
file(READ ${module} content)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/race_module.hpp @ONLY
     CONTENT "#pragma once\n\nnamespace nearend::policy_server {\ninline constexpr char race_module[] = R\"file(@content@)file\";\n}  // namespace nearend::policy_server\n")
