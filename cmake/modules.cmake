# One static library per module folder. Sources are found by glob, so adding a file needs no edit here.
set(HUB_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wno-sign-conversion)

add_library(hub_options INTERFACE)
target_compile_options(hub_options INTERFACE ${HUB_WARNINGS} -fno-omit-frame-pointer)
target_compile_definitions(hub_options INTERFACE _GNU_SOURCE HUB_VERSION="${PROJECT_VERSION}")
target_include_directories(hub_options INTERFACE ${CMAKE_SOURCE_DIR}/engine ${CMAKE_SOURCE_DIR})
if(HUB_SANITIZE)
  target_compile_options(hub_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  target_link_options(hub_options INTERFACE -fsanitize=address,undefined)
endif()
if(HUB_FUZZ)
  target_compile_options(hub_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HUB_WERROR)
  target_compile_options(hub_options INTERFACE -Werror)
endif()

# hub_module(name folder LIBS …): library hub_<name> from folder/*.c. A folder without sources yet is an interface library.
function(hub_module name folder)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  if(sources)
    add_library(hub_${name} STATIC ${sources})
    target_link_libraries(hub_${name} PUBLIC hub_options ${ARG_LIBS})
  else()
    add_library(hub_${name} INTERFACE)
    target_link_libraries(hub_${name} INTERFACE hub_options ${ARG_LIBS})
  endif()
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
  set(list ${CMAKE_BINARY_DIR}/templates.list)
  file(CONFIGURE OUTPUT ${list} CONTENT "${lines}" @ONLY)
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/templates.c
    COMMAND ${CMAKE_COMMAND} -DLIST=${list} -DOUT=${CMAKE_BINARY_DIR}/templates.c -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${list} ${inputs} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  set(${out} ${CMAKE_BINARY_DIR}/templates.c PARENT_SCOPE)
endfunction()

# The programs come from engine/main.c with engine/server.c, and engine/hubctl/*.c, which may know every module.
function(hub_programs)
  set(all hub_base hub_loop hub_packet hub_schema hub_transport hub_auth hub_session hub_persist hub_fanout hub_room hub_hub hub_rest hub_ops
          hub_scripting hub_sql hub_sqlite hub_memory)
  if(EXISTS ${CMAKE_SOURCE_DIR}/engine/main.c)
    add_executable(hubd engine/main.c engine/server.c)
    target_link_libraries(hubd PRIVATE ${all})
    install(TARGETS hubd)
  endif()
  file(GLOB hubctl CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/engine/hubctl/*.c)
  if(hubctl)
    hub_embed_templates(templates)
    add_executable(hubctl ${hubctl} ${templates} ${CMAKE_SOURCE_DIR}/engine/server.c) # hubctl why decides as the server does
    target_link_libraries(hubctl PRIVATE ${all})
    install(TARGETS hubctl)
  endif()
endfunction()
