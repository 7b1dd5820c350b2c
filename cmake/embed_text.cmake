# cmake -DINPUT= -DOUTPUT= -DHEADER=<as included> -DFUNCTION=<in namespace prism::app> -P embed_text.cmake
#
# Writes the C++ source of a function that returns the text of a file.

file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}"
"#include \"${HEADER}\"

std::string_view prism::app::${FUNCTION}() {
  return R\"prism_text(${text})prism_text\";
}
")
