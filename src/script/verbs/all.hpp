#pragma once

#include "script/verbs.hpp"

namespace nearend::script {

/// The parts of the table in verbs.cpp; one file a verb.

void check_audio(const markup::Element& element, std::string_view base, Notes& notes);
void check_dial(const markup::Element& element, std::string_view base, Notes& notes);
void check_gather(const markup::Element& element, std::string_view base, Notes& notes);
void check_hangup(const markup::Element& element, std::string_view base, Notes& notes);
void check_record(const markup::Element& element, std::string_view base, Notes& notes);
void check_redirect(const markup::Element& element, std::string_view base, Notes& notes);
void check_reject(const markup::Element& element, std::string_view base, Notes& notes);

void need_nothing(const markup::Element& element, std::vector<std::string>& needs);
void need_dial(const markup::Element& element, std::vector<std::string>& needs);
void need_gather(const markup::Element& element, std::vector<std::string>& needs);
void need_play(const markup::Element& element, std::vector<std::string>& needs);
void need_record(const markup::Element& element, std::vector<std::string>& needs);
void need_say(const markup::Element& element, std::vector<std::string>& needs);

Task<Next> run_dial(Script& script, const markup::Element& element);
Task<Next> run_gather(Script& script, const markup::Element& element);
Task<Next> run_hangup(Script& script, const markup::Element& element);
Task<Next> run_pause(Script& script, const markup::Element& element);
Task<Next> run_play(Script& script, const markup::Element& element);
Task<Next> run_record(Script& script, const markup::Element& element);
Task<Next> run_redirect(Script& script, const markup::Element& element);
Task<Next> run_reject(Script& script, const markup::Element& element);
Task<Next> run_say(Script& script, const markup::Element& element);

}  // namespace nearend::script
