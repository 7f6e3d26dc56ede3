# A file as an array of bytes: cmake -DINPUT= -DOUTPUT= -DNAME= -P bytes_header.cmake
file(READ ${INPUT} content HEX)
string(REGEX REPLACE "(..)" "0x\\1," content "${content}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" content "${content}")
file(WRITE ${OUTPUT} "#pragma once\n\nalignas(8) inline constexpr unsigned char ${NAME}[] = {\n${content}};\n")
