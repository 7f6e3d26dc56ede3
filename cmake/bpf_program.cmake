# nearend_bpf_program(<folder> <name>): src/<folder>/<name>.bpf.c becomes the array <name>_program in the header
# <name>_program.hpp of that folder's library, so that no file has to be found at run time.
set(NEAREND_BYTES_SCRIPT ${CMAKE_SOURCE_DIR}/cmake/bytes_header.cmake)
function(nearend_bpf_program folder name)
  set(source ${CMAKE_SOURCE_DIR}/src/${folder}/${name}.bpf.c)
  set(object ${CMAKE_BINARY_DIR}/generated/${folder}/${name}.bpf.o)
  set(header ${CMAKE_BINARY_DIR}/generated/${folder}/${name}_program.hpp)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/${folder})
  file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.h)
  # The system's asm/ headers; its own name for the target has none of them.
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${CMAKE_C_COMPILER} -target bpf -mcpu=v3 -O2 -g -Wall -Werror -fno-stack-protector
            -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -c ${source} -o ${object}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${object} -DOUTPUT=${header} -DNAME=${name}_program -P ${NEAREND_BYTES_SCRIPT}
    DEPENDS ${source} ${shared} ${NEAREND_BYTES_SCRIPT}
    COMMENT "Building BPF program ${name}" VERBATIM)
  target_sources(nearend_${folder} PRIVATE ${header})
  target_include_directories(nearend_${folder} PRIVATE ${CMAKE_BINARY_DIR}/generated/${folder})
endfunction()
