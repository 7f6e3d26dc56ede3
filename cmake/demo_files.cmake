# The demo's table and documents as C++ strings: ${CMAKE_BINARY_DIR}/generated/demo_files.hpp, made anew when one changes.
set(demo_strings "")
foreach(file regions.csv app/sa.xml app/eu.xml app/as.xml)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/demo/${file})
  file(READ ${CMAKE_SOURCE_DIR}/demo/${file} content)
  string(MAKE_C_IDENTIFIER ${file} name)
  string(APPEND demo_strings "inline constexpr char ${name}[] = R\"file(${content})file\";\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/demo_files.hpp @ONLY
     CONTENT "#pragma once\n\nnamespace nearend::lab::demo_files {\n@demo_strings@}  // namespace nearend::lab::demo_files\n")
