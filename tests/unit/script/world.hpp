#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "call/control.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "script/interpreter.hpp"

namespace nearend::script::test {

/// A loop on virtual time: run() does what was posted and jumps from timer to timer until nothing is left to do.
class Loop final : public io::Loop {
 public:
  io::Instant now() const override { return now_; }
  io::WallTime wall() const override {
    return io::WallTime(std::chrono::milliseconds(1'700'000'000'000)) +
           std::chrono::duration_cast<io::WallTime::duration>(now_.time_since_epoch());
  }
  io::TimerId start_timer(io::Instant when, io::Callback run) override {
    timers_.emplace(std::pair(when, ++last_), std::move(run));
    return io::TimerId(last_);
  }
  void cancel_timer(io::TimerId timer) override {
    std::erase_if(timers_, [timer](const auto& entry) { return io::TimerId(entry.first.second) == timer; });
  }
  void post(io::Callback run) override { posted_.push_back(std::move(run)); }
  uint64_t random() override { return ++random_; }

  void run() {
    while (!posted_.empty() || !timers_.empty()) {
      if (posted_.empty()) {
        auto node = timers_.extract(timers_.begin());
        now_ = std::max(now_, node.key().first);
        node.mapped()();
        continue;
      }
      io::Callback next = std::move(posted_.front());
      posted_.pop_front();
      next();
    }
  }

 private:
  io::Instant now_{};
  uint64_t last_ = 0;
  uint64_t random_ = 0;
  std::map<std::pair<io::Instant, uint64_t>, io::Callback> timers_;
  std::deque<io::Callback> posted_;
};

/// A web server by script: a page for each URL (without its query), and what was asked.
class Client final : public http::Client {
 public:
  struct Page {
    std::string body;
    std::string type = "text/xml";
    int status = 200;
    bool is_down = false;
    http::Headers headers;
  };
  std::map<std::string, Page> pages;
  std::vector<http::Request> asked;
  Loop* delayed_on = nullptr;  ///< Set: every answer takes 10 ms.

  Task<Result<http::Response>> send(http::Request request) override {
    asked.push_back(request);
    if (delayed_on) co_await io::sleep_for(*delayed_on, std::chrono::milliseconds(10));
    const auto page = pages.find(request.url.substr(0, request.url.find('?')));
    if (page == pages.end()) co_return http::Response{.status = 404};
    if (page->second.is_down) co_return fail(Error::Kind::unavailable, "not connected");
    http::Response response{.status = page->second.status, .headers = page->second.headers, .body = page->second.body};
    response.headers.emplace_back("Content-Type", page->second.type);
    co_return response;
  }
  /// The form of request `index`, from its query or its body.
  http::Form form(size_t index) const {
    const http::Request& request = asked.at(index);
    const size_t question = request.url.find('?');
    std::string text = request.body;
    if (request.method == "GET" && question != std::string::npos) text = request.url.substr(question + 1);
    return http::parse_form(text).value_or(http::Form{});
  }
  std::string value(size_t index, std::string_view key) const {
    for (const auto& [name, value] : form(index))
      if (name == key) return value;
    return "(none)";
  }
  bool has(size_t index, std::string_view key) const { return value(index, key) != "(none)"; }
};

/// A call by script: keeps what was done to it, answers as it was told.
class Control final : public call::Control {
 public:
  call::CallFacts call{.call_sid = "CA1", .account_sid = "AC1", .from = "+15550001", .to = "+15550002"};
  bool answered = false, over = false;
  std::vector<std::string> done;  ///< "answer", "play Hello", "dial +1...", "hangup", ...
  std::vector<std::pair<int, std::string>> notes;
  std::vector<std::pair<size_t, std::string>> checkpoints;  ///< Verb and verb state.
  std::deque<call::PlayResult> plays;
  std::deque<call::GatherResult> gathers;
  std::deque<call::RecordResult> records;
  std::deque<call::DialResult> dials;
  std::vector<media::PlayRequest> played;
  std::vector<media::CollectRequest> gathered;
  std::vector<media::RecordRequest> recorded;
  std::vector<call::DialRequest> dialled;
  std::optional<Error> checkpoint_error;

  const call::CallFacts& facts() const override { return call; }
  bool is_answered() const override { return answered; }
  bool is_over() const override { return over; }
  std::string status() const override { return over ? "completed" : answered ? "in-progress" : "ringing"; }
  Task<Result<void>> answer() override {
    done.emplace_back("answer");
    answered = true;
    co_return Result<void>{};
  }
  Task<Result<void>> reject(std::string reason) override {
    done.push_back("reject " + reason);
    over = true;
    co_return Result<void>{};
  }
  Task<Result<void>> hangup() override {
    done.emplace_back("hangup");
    over = true;
    co_return Result<void>{};
  }
  Task<call::PlayResult> play(media::PlayRequest request) override {
    std::string line = "play";
    for (const media::Source& source : request.sources) line += ' ' + source.value;
    done.push_back(line);
    played.push_back(std::move(request));
    co_return take(plays);
  }
  Task<call::PlayResult> pause(call::milliseconds length) override {
    done.push_back(fmt::format("pause {}", length.count()));
    co_return take(plays);
  }
  Task<call::GatherResult> gather(media::CollectRequest request) override {
    done.emplace_back("gather");
    gathered.push_back(std::move(request));
    co_return take(gathers);
  }
  Task<call::RecordResult> record(media::RecordRequest request) override {
    done.emplace_back("record");
    recorded.push_back(std::move(request));
    co_return take(records);
  }
  Task<call::DialResult> dial(call::DialRequest request) override {
    std::string line = "dial";
    for (const call::DialTarget& target : request.targets) line += ' ' + target.address;
    done.push_back(line);
    dialled.push_back(std::move(request));
    co_return take(dials);
  }
  void note(int code, std::string text) override { notes.emplace_back(code, std::move(text)); }
  Task<Result<void>> checkpoint(std::string /*url*/, std::string /*document*/, size_t verb,
                                std::string state) override {
    checkpoints.emplace_back(verb, std::move(state));
    if (checkpoint_error) co_return std::unexpected(*checkpoint_error);
    co_return Result<void>{};
  }

 private:
  template <class T>
  T take(std::deque<T>& script) {
    if (script.empty()) return T{};
    T next = std::move(script.front());
    script.pop_front();
    if (next.is_caller_gone) over = true;
    return next;
  }
};

/// One call: its number is bound to http://app.test/voice, with http://app.test/fallback when wanted.
struct World {
  Loop loop;
  Client client;
  Callbacks callbacks{loop, client};
  Control control;
  Settings settings{.public_url = "https://api.test"};
  AppBinding binding{.voice_url = "http://app.test/voice", .auth_token = "12345"};
  std::optional<Finish> finish;

  void page(const std::string& path, std::string body, std::string type = "text/xml") {
    client.pages["http://app.test" + path] = {.body = std::move(body), .type = std::move(type)};
  }
  /// A document of these verbs at /voice.
  void document(std::string_view verbs) { page("/voice", fmt::format("<Response>{}</Response>", verbs)); }

  Finish run() {
    Interpreter interpreter(loop, client, callbacks, settings, control, binding);
    return run(interpreter);
  }
  Finish run(Interpreter& interpreter) {
    io::Scope scope(loop);
    scope.spawn(await(interpreter, finish));
    loop.run();
    return finish.value();
  }
  bool was_noted(std::string_view words) const {
    for (const auto& [code, text] : control.notes)
      if (text.find(words) != std::string::npos) return true;
    return false;
  }
  std::string all_notes() const {
    std::string text;
    for (const auto& [code, words] : control.notes) text += fmt::format("{} {}\n", code, words);
    return text;
  }

 private:
  static Task<void> await(Interpreter& interpreter, std::optional<Finish>& finish) {
    const Finish how = co_await interpreter.run();
    finish = how;
  }
};

}  // namespace nearend::script::test
