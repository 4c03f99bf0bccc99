# Builds the Rust crates of this package so that r2r finds the messages of other packages and of this one.
#
# r2r generates and compiles the Rust side of the messages in its build script, which takes minutes, and does so again
# whenever certain environment variables differ. They are therefore written once into a wrapper, `cargo` in the build
# tree. The build runs it; scripts and people run it for everything else (`build/sensr_bridge/cargo test --release`), in
# any shell, with or without a sourced ROS.
#
#   cargo_build(BINARIES <executable>... INTERFACES <file>... OTHER_INTERFACES <package>/<msg or srv>/<name>...)
function(cargo_build)
  cmake_parse_arguments(ARG "" "" "BINARIES;INTERFACES;OTHER_INTERFACES" ${ARGN})
  find_program(CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" REQUIRED)
  set(build "${CMAKE_CURRENT_BINARY_DIR}")
  set(target_dir "${build}/cargo-target")

  # Interfaces of this package as <package>/<msg>/<name>, and a fingerprint of what r2r has to compile. r2r does not
  # notice a changed message, but it notices another folder, so the folder is named after the fingerprint.
  set(own "")
  set(content "")
  foreach(interface IN LISTS ARG_INTERFACES)
    string(REGEX REPLACE "\\.[a-z]+$" "" name "${interface}")
    list(APPEND own "${PROJECT_NAME}/${name}")
    file(SHA256 "${CMAKE_CURRENT_SOURCE_DIR}/${interface}" hash)
    string(APPEND content "${interface} ${hash}\n")
  endforeach()
  with_used_interfaces(interfaces ${own} ${ARG_OTHER_INTERFACES})
  string(APPEND content "${interfaces}")
  string(SHA256 hash "${content}")
  string(SUBSTRING "${hash}" 0 12 hash)
  set(stage "${build}/interfaces-${hash}")
  file(GLOB stale LIST_DIRECTORIES true "${build}/interfaces-*")
  list(REMOVE_ITEM stale "${stage}")
  if(stale)
    file(REMOVE_RECURSE ${stale})
  endif()

  # Lays out the messages like installed packages: r2r lists share/<package>/{msg,srv}/*.idl and compiles what it finds.
  # It links the libraries of this package in lib/. For each package it uses the parent folder of the given path, and
  # its name as the name of the package.
  set(idl_packages "")
  foreach(interface IN LISTS interfaces)
    interface_definition(definition ${interface})
    # Not cmake_path: some builds of CMake 3.22, the version of Ubuntu 22.04, return the whole path for PARENT_PATH.
    get_filename_component(folder "${interface}" DIRECTORY)
    file(MAKE_DIRECTORY "${stage}/share/${folder}")
    file(CREATE_LINK "${definition}" "${stage}/share/${interface}.idl" SYMBOLIC)
    string(REGEX REPLACE "/.*" "" package "${interface}")
    list(APPEND idl_packages "${stage}/share/${package}/cmake")
  endforeach()
  list(REMOVE_DUPLICATES idl_packages)
  file(CREATE_LINK "${build}" "${stage}/lib" SYMBOLIC)

  # The environment of the wrapper. The messages of the build tree are used, so the installation prefix comes last. It
  # is always in the list, so that it makes no difference whether it was sourced.
  set(ros_distro "$ENV{ROS_DISTRO}")
  list(JOIN idl_packages ":" idl_packages)
  set(include_dirs "${build}/rosidl_generator_c:${build}/rosidl_typesupport_introspection_c")
  extended_path(ament_prefix_path AMENT_PREFIX_PATH "${stage}" "${CMAKE_INSTALL_PREFIX}")
  extended_path(library_path LD_LIBRARY_PATH "${build}" "${CMAKE_INSTALL_PREFIX}/lib")
  configure_file(cmake/cargo.in "${build}/cargo" @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

  # cargo decides itself what is out of date, so it always runs.
  add_custom_target(${PROJECT_NAME}_cargo ALL
    COMMAND "${build}/cargo" build --workspace --release --locked --bins
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Building the Rust crates; the first build takes some minutes"
    VERBATIM
    USES_TERMINAL
  )
  # Generates the headers that r2r reads and the libraries that it links.
  add_dependencies(${PROJECT_NAME}_cargo
    ${PROJECT_NAME}
    ${PROJECT_NAME}__rosidl_generator_c
    ${PROJECT_NAME}__rosidl_typesupport_c
    ${PROJECT_NAME}__rosidl_typesupport_introspection_c
  )

  list(TRANSFORM ARG_BINARIES PREPEND "${target_dir}/release/")
  install(PROGRAMS ${ARG_BINARIES} DESTINATION lib/${PROJECT_NAME})
endfunction()

# Sets `result` to `first`, then the other entries of an environment variable, then `last`.
function(extended_path result variable first last)
  string(REPLACE ":" ";" entries "$ENV{${variable}}")
  list(REMOVE_ITEM entries "" "${first}" "${last}")
  list(REMOVE_DUPLICATES entries)
  list(JOIN entries ":" entries)
  set(${result} "${first}:${entries}:${last}" PARENT_SCOPE)
endfunction()

# Sets `result` to the .idl file that defines an interface. Those of this package exist once it has been configured.
function(interface_definition result interface)
  string(REGEX REPLACE "/.*" "" package "${interface}")
  if(package STREQUAL PROJECT_NAME)
    set(file "${CMAKE_CURRENT_BINARY_DIR}/rosidl_adapter/${interface}.idl")
  else()
    if(NOT ${package}_DIR)
      find_package(${package} QUIET REQUIRED)
    endif()
    get_filename_component(file "${${package}_DIR}/../../${interface}.idl" ABSOLUTE)
  endif()
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${interface} is not among the interfaces of package '${package}': ${file} is missing.")
  endif()
  set(${result} "${file}" PARENT_SCOPE)
endfunction()

# Sets `result` to the given interfaces and all those that their fields use, sorted.
function(with_used_interfaces result)
  set(found "")
  set(waiting ${ARGN})
  while(waiting)
    list(POP_FRONT waiting interface)
    if(NOT interface IN_LIST found)
      list(APPEND found "${interface}")
      interface_definition(definition ${interface})
      file(STRINGS "${definition}" used REGEX "^#include \".*\\.idl\"$")
      list(TRANSFORM used REPLACE "^#include \"(.*)\\.idl\"$" "\\1")
      list(APPEND waiting ${used})
    endif()
  endwhile()
  list(SORT found)
  set(${result} "${found}" PARENT_SCOPE)
endfunction()
