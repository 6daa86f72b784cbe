# Writes OUT, a C file with the table that HEADER declares; TABLE is "struct variable". LIST names a file with one "key|folder|path" per line.
# A row holds the key, the path in its folder, the bytes and their number; the last row is empty.
file(STRINGS ${LIST} lines)
set(bytes "")
set(rows "")
set(count 0)
foreach(line ${lines})
  string(REPLACE "|" ";" part "${line}")
  list(GET part 0 key)
  list(GET part 1 folder)
  list(GET part 2 path)
  file(READ ${folder}/${path} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
  # A final 0, so that an empty file is valid C, too. The row's length leaves it out.
  string(APPEND bytes "static const unsigned char file${count}[] = {${hex}0};\n")
  string(APPEND rows "    {\"${key}\", \"${path}\", file${count}, sizeof file${count} - 1},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/embed.cmake. */\n#include \"${HEADER}\"\n\n${bytes}\nconst struct ${TABLE}[] = {\n${rows}    {0},\n};\n")
