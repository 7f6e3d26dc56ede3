#pragma once

#include <functional>
#include <string>

#include "call/control.hpp"
#include "router/party.hpp"

namespace nearend::router {

/// The callee of a Dial as a document sees it that runs on it before the bridge (DialTarget::screen_url): prompts and
/// digits, nothing that would need a further leg. Belongs to the Dialing.
class CalleeControl final : public call::Control {
 public:
  using Note = std::function<void(int code, std::string text)>;
  CalleeControl(Party& party, io::Loop& loop, const call::CallFacts& facts, Note note)
      : party_(party), loop_(loop), facts_(facts), note_(std::move(note)) {}

  const call::CallFacts& facts() const override { return facts_; }
  bool is_answered() const override { return true; }
  bool is_over() const override { return party_.leg().is_over(); }
  std::string status() const override { return is_over() ? "completed" : "in-progress"; }

  Task<Result<void>> answer() override;
  Task<Result<void>> reject(std::string reason) override;
  Task<Result<void>> hangup() override;
  Task<call::PlayResult> play(media::PlayRequest request) override;
  Task<call::PlayResult> pause(milliseconds length) override;
  Task<call::GatherResult> gather(media::CollectRequest request) override;
  Task<call::RecordResult> record(media::RecordRequest request) override;
  Task<call::DialResult> dial(call::DialRequest request) override;
  void note(int code, std::string text) override { note_(code, std::move(text)); }
  Task<Result<void>> checkpoint(std::string document_url, std::string document, size_t verb,
                                std::string verb_state) override;

 private:
  Party& party_;
  io::Loop& loop_;
  const call::CallFacts& facts_;
  Note note_;
};

}  // namespace nearend::router
