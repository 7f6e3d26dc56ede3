#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "call/capsule.hpp"
#include "call/control.hpp"
#include "call/hooks.hpp"
#include "policy/policy.hpp"
#include "router/call_record.hpp"
#include "router/dialing.hpp"
#include "router/party.hpp"
#include "store/store.hpp"

namespace nearend::router {

/// What calls of a router share besides the tools of their parties.
struct CallServices {
  Tools tools;
  policy::Client& policy;
  store::Store& store;
  store::LiveState& live;
  io::Scope& writes;  ///< Rows being written; they outlive their call.
};

/// What a call was made from.
struct CallStart {
  call::CallFacts facts;
  uint64_t epoch = 1;
  store::Number number;
  store::Account account;
  std::optional<call::Capsule> adopted;  ///< Where another router left it.
};

/// One call that runs on this router: the caller's party under one script. Implements what verbs do to a call by
/// handing it to the Party and, for Dial, to a Dialing; keeps the capsule. Loop's thread only.
class Call final : public call::Control {
 public:
  /// Runs the script on the call; returns when the document is over.
  using Script = std::function<Task<void>(Call&)>;

  Call(CallServices& services, CallStart start, std::unique_ptr<LinkLeg> caller);
  ~Call() override;
  Call(const Call&) = delete;

  /// Starts the script; `on_finished` is called once, when script and legs are over, and may destroy the call later.
  void run(Script script, std::function<void(const std::string& call_sid)> on_finished);
  /// Ends every leg with this Reason.
  void end(std::string_view reason);

  const CallStart& start() const { return start_; }
  call::DialHooks& hooks() { return hooks_; }
  Party& caller() { return caller_; }
  CallRecord& record() { return record_; }
  const CallRecord& record() const { return record_; }
  const std::string& sid() const { return start_.facts.call_sid; }
  /// The media that the document needs, once it is known: a call that needs none is answered without any.
  void set_prompts_expected(bool are_expected) { are_prompts_expected_ = are_expected; }
  /// Legs whose gateway no longer answers, for so long.
  void on_gateway_silent(const std::string& gateway_uri, milliseconds since);
  /// Link addresses of the gateways that have a leg of this call.
  std::vector<std::string> gateway_uris() const;

  // call::Control
  const call::CallFacts& facts() const override { return start_.facts; }
  bool is_answered() const override { return caller_.leg().is_answered(); }
  bool is_over() const override { return caller_.leg().is_over() || is_fenced_; }
  std::string status() const override;
  Task<Result<void>> answer() override;
  Task<Result<void>> reject(std::string reason) override;
  Task<Result<void>> hangup() override;
  Task<call::PlayResult> play(media::PlayRequest request) override;
  Task<call::PlayResult> pause(call::milliseconds length) override;
  Task<call::GatherResult> gather(media::CollectRequest request) override;
  Task<call::RecordResult> record(media::RecordRequest request) override;
  Task<call::DialResult> dial(call::DialRequest request) override;
  void note(int code, std::string text) override;
  Task<Result<void>> checkpoint(std::string document_url, std::string document, size_t verb,
                                std::string verb_state) override;

 private:
  Task<void> run_script(Script script);
  void ask_for_advice();
  Task<void> ask_for_advice(std::string need, bool is_able);
  Task<bool> save();
  void on_caller(LegEvent event);
  void on_progress(const call::LegProgress& progress);
  void mark_answered();
  store::Capsule capsule() const;

  CallServices& services_;
  CallStart start_;
  Party caller_;
  CallRecord record_;
  call::DialHooks hooks_;
  call::Capsule capsule_;
  Dialing* dialing_ = nullptr;  ///< While a Dial runs.
  std::function<void(const std::string&)> on_finished_;
  std::string outcome_;
  bool are_prompts_expected_ = true;
  bool is_fenced_ = false;
  io::Timer limit_;
  io::Scope scope_;  // Last: the script runs in it and uses all of the above.
};

}  // namespace nearend::router
