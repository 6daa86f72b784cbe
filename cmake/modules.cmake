# One static library per module folder. Sources are found by glob, so adding a file needs no edit here.
set(HUB_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wno-sign-conversion)

add_library(hub_options INTERFACE)
target_compile_options(hub_options INTERFACE ${HUB_WARNINGS} -fno-omit-frame-pointer)
target_compile_definitions(hub_options INTERFACE _GNU_SOURCE HUB_VERSION="${PROJECT_VERSION}")
target_include_directories(hub_options INTERFACE ${CMAKE_SOURCE_DIR}/engine ${CMAKE_SOURCE_DIR})
if(HUB_SANITIZE STREQUAL "thread")
  target_compile_options(hub_options INTERFACE -fsanitize=thread)
  target_link_options(hub_options INTERFACE -fsanitize=thread)
elseif(HUB_SANITIZE)
  target_compile_options(hub_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  target_link_options(hub_options INTERFACE -fsanitize=address,undefined)
endif()
if(HUB_FUZZ)
  target_compile_options(hub_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HUB_WERROR)
  target_compile_options(hub_options INTERFACE -Werror)
endif()

# hub_module(name folder LIBS …): library hub_<name> from folder/*.c and folder/*/*.c, its sub-rooms. A folder without sources yet is an
# interface library.
function(hub_module name folder)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c ${CMAKE_SOURCE_DIR}/${folder}/*/*.c)
  if(sources)
    add_library(hub_${name} STATIC ${sources})
    target_link_libraries(hub_${name} PUBLIC hub_options ${ARG_LIBS})
  else()
    add_library(hub_${name} INTERFACE)
    target_link_libraries(hub_${name} INTERFACE hub_options ${ARG_LIBS})
  endif()
endfunction()

# <name>.c in the build folder: the files of LINES ("key|folder|path" each) as the table that HEADER declares, whose TABLE is "struct variable".
function(hub_embed name lines inputs header table)
  set(list ${CMAKE_BINARY_DIR}/${name}.list)
  file(CONFIGURE OUTPUT ${list} CONTENT "${lines}" @ONLY)
  set(out ${CMAKE_BINARY_DIR}/${name}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DLIST=${list} -DOUT=${out} -DHEADER=${header} -DTABLE=${table} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${list} ${inputs} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
endfunction()

# C file with the templates of "hubctl new": hubs/chat, and each folder of hubs/templates. What git ignores (data/) stays out.
function(hub_embed_templates out)
  set(lines "")
  set(inputs "")
  file(GLOB folders CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hubs/templates/*)
  foreach(folder ${CMAKE_SOURCE_DIR}/hubs/chat ${folders})
    get_filename_component(template ${folder} NAME)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*)
    foreach(path ${files})
      if(NOT path MATCHES "^data/|^scenarios/|^README")
        string(APPEND lines "${template}|${folder}|${path}\n")
        list(APPEND inputs ${folder}/${path})
      endif()
    endforeach()
  endforeach()
  hub_embed(templates "${lines}" "${inputs}" "engine/hubctl/templates.h" "hubctl_template_file hubctl_template_files")
  set(${out} ${CMAKE_BINARY_DIR}/templates.c PARENT_SCOPE)
endfunction()

# C file with the console's page. Its script is bundled by `make console` (npm); without it the table is empty and /console says so.
function(hub_embed_console out)
  set(source ${CMAKE_SOURCE_DIR}/engine/console)
  file(GLOB bundle CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/build/console/app.js)
  set(lines "")
  set(inputs "")
  if(bundle)
    set(lines "/console/|${source}|index.html\n/console/style.css|${source}|style.css\n/console/app.js|${CMAKE_SOURCE_DIR}/build/console|app.js\n")
    set(inputs ${source}/index.html ${source}/style.css ${bundle})
  endif()
  hub_embed(console "${lines}" "${inputs}" "engine/ops/console.h" "hub_console_file hub_console_files")
  set(${out} ${CMAKE_BINARY_DIR}/console.c PARENT_SCOPE)
endfunction()

# The programs come from engine/main.c with engine/server.c, and engine/hubctl/*.c, which may know every module.
function(hub_programs)
  hub_embed_console(console)
  target_sources(hub_ops PRIVATE ${console})
  set(all hub_base hub_cli hub_loop hub_packet hub_schema hub_transport hub_auth hub_session hub_persist hub_fanout hub_room hub_hook hub_identity hub_namespace hub_work hub_data hub_hub hub_rest hub_ops
          hub_scripting hub_sql hub_sqlite hub_postgres hub_memory hub_redis hub_kafka hub_curl)
  add_library(hub_preflight STATIC engine/backends.c engine/preflight.c) # what a start and hubctl lint share
  target_link_libraries(hub_preflight PUBLIC ${all})
  if(EXISTS ${CMAKE_SOURCE_DIR}/engine/main.c)
    add_executable(hubd engine/main.c engine/server.c)
    target_link_libraries(hubd PRIVATE hub_preflight)
    install(TARGETS hubd)
  endif()
  file(GLOB hubctl CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/engine/hubctl/*.c)
  if(hubctl)
    hub_embed_templates(templates)
    add_executable(hubctl ${hubctl} ${templates} ${CMAKE_SOURCE_DIR}/engine/server.c) # hubctl why decides as the server does
    target_link_libraries(hubctl PRIVATE hub_preflight)
    install(TARGETS hubctl)
  endif()
endfunction()
