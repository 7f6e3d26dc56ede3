# Tests that run the real program: other people's SIP stacks on loopback, the lab in network namespaces, the tree's rules.
# Exit code 77 is a skip, which ctest prints.
function(nearend_program_test name timeout)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${timeout} RUN_SERIAL ON)
endfunction()

foreach(peer sipp_forward kamailio_carrier dns_dig)
  nearend_program_test(interop.${peer} 180 ${CMAKE_CURRENT_SOURCE_DIR}/interop/${peer}.sh $<TARGET_FILE:nearend>
                       ${CMAKE_BINARY_DIR}/interop/${peer})
endforeach()

# The browsers' race in Node, between gateways on loopback that are late, dead or full.
nearend_program_test(interop.race_module 60 ${CMAKE_CURRENT_SOURCE_DIR}/interop/race_module.sh
                     ${CMAKE_SOURCE_DIR}/src/policy_server/race.js)

# Two codecs of the matrix; `tests/interop/codec_matrix.py NEAREND` calls with each that the softphone knows.
nearend_program_test(interop.codecs 120 python3 ${CMAKE_CURRENT_SOURCE_DIR}/interop/codec_matrix.py $<TARGET_FILE:nearend>
                     --short --work ${CMAKE_BINARY_DIR}/interop/codecs)

# Timing bounds are judged by `nearend lab flows`; here each is widened, because a debug or sanitizer build on a busy
# machine is no measure.
nearend_program_test(lab.flows 1500 $<TARGET_FILE:nearend> lab flows --rtt 100 --margin 400 --out ${CMAKE_BINARY_DIR}/lab)

# Clients that find their gateway by themselves; without options also in Chromium, and when the nearest is lost.
nearend_program_test(lab.race 60 $<TARGET_FILE:nearend> lab race --no-browser --no-loss --margin 400
                     --out ${CMAKE_BINARY_DIR}/lab-race)

# A few calls without policy servers; `nearend lab policy-faults` sets up 500 in each state.
nearend_program_test(lab.policy_faults 60 $<TARGET_FILE:nearend> lab policy-faults --calls 5 --rate 10 --only frozen,garbage --margin 400
                     --out ${CMAKE_BINARY_DIR}/lab-faults)

add_test(NAME tree.rules COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/tidy.py --layers)
add_test(NAME tree.configuration COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:nearend>
         -DPAGE=${CMAKE_SOURCE_DIR}/docs/configuration.md -P ${CMAKE_CURRENT_SOURCE_DIR}/same_page.cmake)

foreach(role gateway router policy media)
  add_test(NAME tree.example_${role}
           COMMAND nearend ${role} --config ${CMAKE_SOURCE_DIR}/docs/example/${role}.toml --check)
endforeach()

# The call flows with the real roles in the simulated world, many seeds each: tests/sim. NEAREND_SIM_SEEDS=n in the
# environment runs another number of seeds, NEAREND_SIM_SEED=n one.
file(GLOB sim_sources CONFIGURE_DEPENDS sim/*.cpp)
if(sim_sources)
  add_executable(sim_flows ${sim_sources})
  target_include_directories(sim_flows PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(sim_flows PRIVATE nearend_doctest_main nearend_sim nearend_gateway nearend_router
                        nearend_policy_server)
  nearend_use_precompiled(sim_flows nearend_test_headers)
  foreach(suite flows kill setups soak ways)
    add_test(NAME sim.${suite} COMMAND sim_flows --test-suite=${suite})
    set_tests_properties(sim.${suite} PROPERTIES TIMEOUT 1500)
  endforeach()
endif()

# Talks whose media moves, over every tier, judged by what the telephones hear: tests/moves. Short forms; the long ones
# and their figures are in docs/benchmarks.md. Real sockets on a busy machine are no measure: there gaps have a margin.
file(GLOB moves_sources CONFIGURE_DEPENDS moves/*.cpp)
add_executable(media_moves ${moves_sources})
target_include_directories(media_moves PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(media_moves PRIVATE nearend_media)
foreach(run "moves --moves 12 --tier simulated,simulated-processing" "digits --count 20 --tier simulated,simulated-processing"
            "features --count 10 --tier simulated" "privacy --count 20 --tier simulated" "attacks --count 40 --tier simulated"
            "calls --calls 1000 --tier simulated")
  separate_arguments(arguments UNIX_COMMAND "${run}")
  list(GET arguments 0 name)
  add_test(NAME moves.${name} COMMAND media_moves ${arguments})
  set_tests_properties(moves.${name} PROPERTIES TIMEOUT 120)
endforeach()
# Keys that are still on a long way when a short one has taken over.
add_test(NAME moves.digits_in_flight COMMAND media_moves digits --tier simulated --kind local-remote --extra 150)
set_tests_properties(moves.digits_in_flight PROPERTIES TIMEOUT 120)
# The talk goes back to a path that it has just left while a key is on its way.
add_test(NAME moves.digits_back COMMAND media_moves digits --tier simulated --kind relay-relay --extra 0 --seed 15)
set_tests_properties(moves.digits_back PROPERTIES TIMEOUT 120)
set(quick --between 700 --settle 1200 --margin 400)
foreach(tier sockets range kernel processing)
  nearend_program_test(moves.${tier} 60 $<TARGET_FILE:media_moves> moves --tier ${tier} --moves 3 --extra 80 ${quick})
endforeach()
nearend_program_test(moves.kernel_privacy 60 $<TARGET_FILE:media_moves> privacy --tier kernel --count 4 --between 1200)
nearend_program_test(moves.kernel_features 60 $<TARGET_FILE:media_moves> features --tier kernel --count 2 ${quick})
nearend_program_test(moves.kernel_calls 60 $<TARGET_FILE:media_moves> calls --tier kernel --calls 300)

# Days of a simulated world under the policy server: src/policy_world. A short form; `tools/bench policy-world` runs
# whole days of many seeds.
add_executable(policy_world policy_world/main.cpp)
target_include_directories(policy_world PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(policy_world PRIVATE nearend_policy_world)
add_test(NAME policy.world COMMAND policy_world --seed 5 --seconds 500 --calls 6 --call-seconds 50 --mode nearest,quality,oracle --judge 1)
add_test(NAME policy.replay COMMAND policy_world --seed 6 --seconds 120 --calls 4 --replay 1)
add_test(NAME policy.day COMMAND nearend lab policy --hours 0.05 --calls 2 --out ${CMAKE_BINARY_DIR}/policy-day)
set_tests_properties(policy.day PROPERTIES PASS_REGULAR_EXPRESSION "oracle +[1-9].*policy-day/report.html")
set_tests_properties(policy.world policy.replay policy.day PROPERTIES TIMEOUT 120)
set_tests_properties(policy.replay PROPERTIES PASS_REGULAR_EXPRESSION " 0 of [0-9]+ answers differ")
