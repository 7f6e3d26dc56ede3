# The policy lab's table of regions as a C++ string: ${CMAKE_BINARY_DIR}/generated/policy_world_table.hpp, made anew when it changes.
set(table ${CMAKE_SOURCE_DIR}/src/policy_world/regions.csv)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
file(READ ${table} content)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/policy_world_table.hpp @ONLY
     CONTENT "#pragma once\n\nnamespace nearend::policy_world {\ninline constexpr char regions_csv[] = R\"file(@content@)file\";\n}  // namespace nearend::policy_world\n")
