#pragma once

#include <functional>
#include <optional>
#include <string>

#include "script/position.hpp"
#include "script/script.hpp"
#include "script/verbs.hpp"

namespace nearend::script {

/// How a script came to its end.
enum class Finish {
  end_of_document,  ///< In Dialect::voice the call has been hung up; in Dialect::screen the callee may be bridged.
  hung_up,          ///< By Hangup.
  rejected,
  caller_gone,
  failed,  ///< No document could be had: the caller was told so and hung up.
  fenced,  ///< Another router has adopted the call; nothing was done to it.
};
std::string_view to_string(Finish finish);

/// Runs the documents of one call: fetches them, checks them, runs their verbs one after another on the call's Control.
/// It decides when the call is answered and when it is hung up. Belongs to the call, on the router's loop; destroying
/// the task of run() cancels it.
class Interpreter {
 public:
  Interpreter(io::Loop& loop, http::Client& client, Callbacks& callbacks, Settings settings, call::Control& control,
              AppBinding binding);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// Told of each document that takes control, and of the media it needs, before any of its verbs runs.
  using DocumentHandler = std::move_only_function<void(const Document&, const MediaNeed&)>;
  void set_document_handler(DocumentHandler handler) { on_document_ = std::move(handler); }

  /// Starts in the middle, where the capsule of an adopted call says. Before load() and run().
  void resume_at(Position position) { position_ = std::move(position); }

  /// Fetches and checks the first document, so that need() is known before anything is answered. run() does it
  /// otherwise.
  Task<void> load();
  const MediaNeed& need() const { return need_; }

  Task<Finish> run();

 private:
  Task<void> resume(Position position);
  Task<void> open(Next where);
  Task<std::expected<Document, Failure>> fetch(std::string url, std::string method, http::Form extra);
  Task<void> open_fallback(std::string failed_url, Failure failure);
  void control_with(Document document);
  Task<Finish> run_verbs();
  Task<Finish> finish(Finish how);

  http::Client& client_;
  Settings settings_;
  AppBinding binding_;
  Script script_;
  Document document_;
  MediaNeed need_;
  DocumentHandler on_document_;
  std::optional<Position> position_;
  bool is_loaded_ = false;
  bool is_failed_ = false;
};

}  // namespace nearend::script
