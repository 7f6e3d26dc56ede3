# nearend_carried_table(FOLDER FILE): a table beside the folder's code as a C++ string, NAME_csv in ${CMAKE_BINARY_DIR}/generated/FOLDER_NAME.hpp,
# made anew when it changes.
function(nearend_carried_table folder file)
  set(table ${CMAKE_SOURCE_DIR}/src/${folder}/${file})
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
  file(READ ${table} content)
  get_filename_component(name ${file} NAME_WE)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${folder}_${name}.hpp @ONLY
       CONTENT "#pragma once\n\nnamespace nearend::${folder} {\ninline constexpr char ${name}_csv[] = R\"file(@content@)file\";\n}  // namespace nearend::${folder}\n")
  target_include_directories(nearend_${folder} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
