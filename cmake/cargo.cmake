# Builds the Rust crates of this package so that r2r finds the messages of other packages and of this one.
#
# r2r generates and compiles the Rust side of the messages in its build script, which takes minutes, and does so again
# whenever certain environment variables differ. They are therefore written once into a wrapper, `cargo` in the build
# tree. The build runs it; scripts and people run it for everything else (`build/sensr_bridge/cargo test --release`), in
# any shell, with or without a sourced ROS.
#
#   cargo_build(BINARIES <executable>... INTERFACES <file>... INTERFACE_PACKAGES <package>...)
function(cargo_build)
  cmake_parse_arguments(ARG "" "" "BINARIES;INTERFACES;INTERFACE_PACKAGES" ${ARGN})
  find_program(CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" REQUIRED)
  set(build "${CMAKE_CURRENT_BINARY_DIR}")
  set(target_dir "${build}/cargo-target")

  # Lays out this package's messages like those of an installed package: r2r lists share/<package>/msg/*.idl and links
  # the libraries in lib/. It does not notice a changed message, but it notices another folder, so the folder is named
  # after the content of the messages.
  set(hashes "")
  foreach(interface IN LISTS ARG_INTERFACES)
    file(SHA256 "${CMAKE_CURRENT_SOURCE_DIR}/${interface}" hash)
    string(APPEND hashes "${interface} ${hash}\n")
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING "${hash}" 0 12 hash)
  set(stage "${build}/interfaces-${hash}")
  file(GLOB stale LIST_DIRECTORIES true "${build}/interfaces-*")
  list(REMOVE_ITEM stale "${stage}")
  if(stale)
    file(REMOVE_RECURSE ${stale})
  endif()
  foreach(interface IN LISTS ARG_INTERFACES)
    string(REGEX REPLACE "\\.[a-z]+$" ".idl" idl "${interface}")
    # Not cmake_path: some builds of CMake 3.22, the version of Ubuntu 22.04, return the whole path for PARENT_PATH.
    get_filename_component(folder "${idl}" DIRECTORY)
    file(MAKE_DIRECTORY "${stage}/share/${PROJECT_NAME}/${folder}")
    file(CREATE_LINK "${build}/rosidl_adapter/${PROJECT_NAME}/${idl}" "${stage}/share/${PROJECT_NAME}/${idl}" SYMBOLIC)
  endforeach()
  file(CREATE_LINK "${build}" "${stage}/lib" SYMBOLIC)

  # r2r uses the parent folder of each of these, and its name as the name of the package.
  set(idl_packages "${stage}/share/${PROJECT_NAME}/cmake")
  foreach(package IN LISTS ARG_INTERFACE_PACKAGES)
    list(APPEND idl_packages "${${package}_DIR}")
  endforeach()

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
