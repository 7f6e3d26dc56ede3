# Fails when docs/configuration.md is not what `nearend config manual` prints.
execute_process(COMMAND ${PROGRAM} config manual OUTPUT_VARIABLE printed RESULT_VARIABLE code)
file(READ ${PAGE} page)
if(NOT code EQUAL 0 OR NOT printed STREQUAL page)
  message(FATAL_ERROR "${PAGE} is out of date: nearend config manual > docs/configuration.md")
endif()
