# cmake -DINPUT= -DOUTPUT= -DHEADER=<as included> -DNAMESPACE= -DFUNCTION= -P embed_text.cmake
#
# Writes the C++ source of a function that returns the text of a file.

file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}"
"#include \"${HEADER}\"

std::string_view ${NAMESPACE}::${FUNCTION}() {
  return R\"prism_text(${text})prism_text\";
}
")
