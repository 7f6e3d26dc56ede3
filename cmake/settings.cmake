# Flags that every target shares: warnings, hardening, sanitizers, ccache.
find_program(NEAREND_CCACHE ccache)
if(NEAREND_CCACHE)
  # What ccache must overlook to keep files that use precompiled headers.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${NEAREND_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

add_compile_options(-Wall -Wextra -Wno-missing-field-initializers -Werror=return-type -fno-omit-frame-pointer
                    -fstack-protector-strong -fcf-protection)
add_link_options(-fuse-ld=lld -Wl,-z,relro,-z,now -pie)
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -gline-tables-only")
if(NEAREND_SANITIZE)
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only")
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -gline-tables-only -DNDEBUG")

if(NEAREND_SANITIZE)
  add_compile_options(-fsanitize=${NEAREND_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NEAREND_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(NEAREND_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
