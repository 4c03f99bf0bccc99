# Runs cargo on the crate of this package, so that r2r finds the messages of other packages and of this one.
#
# r2r makes and compiles the Rust side of the messages in its build script, which takes minutes, and does so again
# whenever certain environment variables differ. So they are written once into a wrapper, `cargo` in the build tree.
# It is what the build runs, and what scripts and people run for everything else (`build/sensr_bridge/cargo test
# --release`), in any shell, with or without a sourced ROS.
#
#   cargo_build(BINARIES <executable>... INTERFACES <file>... INTERFACE_PACKAGES <package>...)
function(cargo_build)
  cmake_parse_arguments(ARG "" "" "BINARIES;INTERFACES;INTERFACE_PACKAGES" ${ARGN})
  find_program(CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" REQUIRED)
  set(build "${CMAKE_CURRENT_BINARY_DIR}")
  set(target_dir "${build}/cargo-target")

  # This package's messages, laid out like those of an installed package: r2r lists share/<package>/msg/*.idl and
  # links what is in lib/. r2r does not see that a message was changed, but it sees another folder name.
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
    # Not cmake_path: some builds of CMake 3.22, which Ubuntu 22.04 has, give back the whole path for PARENT_PATH.
    get_filename_component(folder "${idl}" DIRECTORY)
    file(MAKE_DIRECTORY "${stage}/share/${PROJECT_NAME}/${folder}")
    file(CREATE_LINK "${build}/rosidl_adapter/${PROJECT_NAME}/${idl}" "${stage}/share/${PROJECT_NAME}/${idl}" SYMBOLIC)
  endforeach()
  file(CREATE_LINK "${build}" "${stage}/lib" SYMBOLIC)

  # r2r takes the folder above each of these and names the package after it.
  set(idl_packages "${stage}/share/${PROJECT_NAME}/cmake")
  foreach(package IN LISTS ARG_INTERFACE_PACKAGES)
    list(APPEND idl_packages "${${package}_DIR}")
  endforeach()

  # The wrapper's environment. The messages come from the build tree, so the folder they get installed to comes last;
  # and always, so that it makes no difference whether it was sourced.
  set(ros_distro "$ENV{ROS_DISTRO}")
  list(JOIN idl_packages ":" idl_packages)
  set(include_dirs "${build}/rosidl_generator_c:${build}/rosidl_typesupport_introspection_c")
  extended_path(ament_prefix_path AMENT_PREFIX_PATH "${stage}" "${CMAKE_INSTALL_PREFIX}")
  extended_path(library_path LD_LIBRARY_PATH "${build}" "${CMAKE_INSTALL_PREFIX}/lib")
  configure_file(cmake/cargo.in "${build}/cargo" @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

  # cargo knows best what is out of date, so it always runs.
  add_custom_target(${PROJECT_NAME}_cargo ALL
    COMMAND "${build}/cargo" build --workspace --release --locked --bins
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Building the crate; the first time this takes some minutes"
    VERBATIM
    USES_TERMINAL
  )
  # Generated headers to read and libraries to link.
  add_dependencies(${PROJECT_NAME}_cargo
    ${PROJECT_NAME}
    ${PROJECT_NAME}__rosidl_generator_c
    ${PROJECT_NAME}__rosidl_typesupport_c
    ${PROJECT_NAME}__rosidl_typesupport_introspection_c
  )

  list(TRANSFORM ARG_BINARIES PREPEND "${target_dir}/release/")
  install(PROGRAMS ${ARG_BINARIES} DESTINATION lib/${PROJECT_NAME})
endfunction()

# Sets `result` to `first`, the entries of an environment variable that are neither, and `last`.
function(extended_path result variable first last)
  string(REPLACE ":" ";" entries "$ENV{${variable}}")
  list(REMOVE_ITEM entries "" "${first}" "${last}")
  list(REMOVE_DUPLICATES entries)
  list(JOIN entries ":" entries)
  set(${result} "${first}:${entries}:${last}" PARENT_SCOPE)
endfunction()
